// The console's entry: styles, fonts and elements that ship with it, then the app.

import '@fontsource-variable/inter/wght.css';
import './styles/base.css';
import { mount } from 'svelte';
import App from './App.svelte';

// Both register themselves as custom elements.
import.meta.glob('./elements/{player,timeline}.ts', { eager: true });

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(App, { target });

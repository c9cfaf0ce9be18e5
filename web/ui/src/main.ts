// The console's entry: styles, fonts and elements that ship with it, then the app.

import '@fontsource-variable/inter/wght.css';
import './styles/base.css';
import './elements/player';
import './elements/ptz';
import './elements/timeline';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(App, { target });

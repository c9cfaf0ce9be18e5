// What a key press means to a page: nothing while somebody types, or asks the browser for something.

/** Whether a page may take this key as a command. */
export function isCommand(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return false;
  }
  const target = event.target;
  if (!(target instanceof HTMLElement)) return true;
  if (document.querySelector('dialog[open]') !== null) return false;
  return !target.isContentEditable && !['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

/** Space and Enter press the focused button or link; a page must not take them as well. */
export function pressesControl(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLElement && event.target.closest('button, a, [role=button]') !== null;
}

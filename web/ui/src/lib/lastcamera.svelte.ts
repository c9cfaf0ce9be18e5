// The camera somebody looked at last in this browser: where "look back" begins.

const STORED = 'vms.camera';

class LastCamera {
  id = $state<string | null>(localStorage.getItem(STORED));

  remember(id: string): void {
    this.id = id;
    localStorage.setItem(STORED, id);
  }
}

export const lastCamera = new LastCamera();

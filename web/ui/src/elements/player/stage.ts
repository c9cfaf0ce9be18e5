// What the player shows: the picture, the last picture as a greyed still while there is no new
// one, and figures for whoever asks with `?debug`. No text of its own for operators: pages say
// what is wrong, in their language.

const SHEET = `
:host { display: block; position: relative; overflow: hidden; background: #05070a; contain: strict; }
:host([hidden]) { display: none; }
video, canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
:host([fit="cover"]) video, :host([fit="cover"]) canvas { object-fit: cover; }
canvas[hidden], pre[hidden] { display: none; }
video.stale, canvas.stale { filter: grayscale(1) brightness(.55); }
pre { position: absolute; top: 4px; left: 4px; margin: 0; padding: 4px 6px; pointer-events: none;
  font: 11px/1.35 ui-monospace, monospace; color: #dfe6ec; background: rgb(5 7 10 / .75); border-radius: 4px; }
`;

let sheet: CSSStyleSheet | null = null;

/** One sheet for all players; constructed, because the page's CSP allows no inline style. */
function sharedSheet(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
  }
  return sheet;
}

// A still is for seeing what was last there, not for evidence.
const STILL_MAX_WIDTH = 1920;

export class Stage {
  readonly video = document.createElement('video');
  readonly #still = document.createElement('canvas');
  readonly #figures = document.createElement('pre');

  constructor(root: ShadowRoot) {
    root.adoptedStyleSheets = [sharedSheet()];
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.disablePictureInPicture = true;
    this.video.tabIndex = -1;
    this.#still.hidden = true;
    this.#figures.hidden = true;
    root.append(this.video, this.#still, this.#figures);
  }

  /** Keeps what is on screen over the video, so that emptying it is not seen. */
  keepPicture(): void {
    const { videoWidth, videoHeight, readyState } = this.video;
    if (readyState < 2 || videoWidth === 0) return;
    const scale = Math.min(1, STILL_MAX_WIDTH / videoWidth);
    this.#still.width = Math.round(videoWidth * scale);
    this.#still.height = Math.round(videoHeight * scale);
    const context = this.#still.getContext('2d');
    if (context === null) return;
    context.drawImage(this.video, 0, 0, this.#still.width, this.#still.height);
    this.#still.hidden = false;
  }

  /** The video has its own picture again. */
  dropStill(): void {
    if (this.#still.hidden) return;
    this.#still.hidden = true;
    // Its memory too: a wall of 4K stills is half a gigabyte.
    this.#still.width = 0;
    this.#still.height = 0;
  }

  /** Greys what is shown: it is not what is happening now. */
  set stale(stale: boolean) {
    this.video.classList.toggle('stale', stale);
    this.#still.classList.toggle('stale', stale);
  }

  /** Figures in a corner; null hides them. */
  set figures(text: string | null) {
    this.#figures.hidden = text === null;
    if (text !== null) this.#figures.textContent = text;
  }

  /** The picture as shown, in its own size. */
  async snapshot(type = 'image/jpeg'): Promise<Blob | null> {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth === 0) return null;
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    canvas.getContext('2d')?.drawImage(this.video, 0, 0);
    return canvas.convertToBlob({ type, quality: 0.92 });
  }
}

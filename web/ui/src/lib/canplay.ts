// What this browser decodes, asked of the browser itself, never guessed from its name.

const PROBES: Readonly<Record<string, string>> = {
  h264: 'video/mp4; codecs="avc1.4d401f"',
  h265: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
};

/** Whether a stream of this codec can be shown; a codec not known yet gets the chance. */
export function canPlay(codec: string | null): boolean {
  const probe = PROBES[codec ?? ''];
  if (probe === undefined || typeof MediaSource === 'undefined') return true;
  return MediaSource.isTypeSupported(probe);
}

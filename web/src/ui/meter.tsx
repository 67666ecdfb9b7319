// A quiet bar with a name and a number: how much of something is used.
import "./meter.css";

interface MeterProps {
  name: string;
  /** 0 to 1; nothing when only the number is known. */
  part: number | undefined;
  text: string;
  testId?: string;
}

export function Meter({ name, part, text, testId }: MeterProps) {
  const percent = part === undefined ? undefined : Math.round(Math.min(1, Math.max(0, part)) * 100);
  return (
    <div class="meter" data-testid={testId}>
      <span class="meter-name">{name}</span>
      {percent !== undefined && (
        <meter class="meter-bar" aria-label={name} min={0} max={100} high={90} value={percent} title={text} />
      )}
      <span class="meter-text">{text}</span>
    </div>
  );
}

export function bytesText(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.round(bytes / 2 ** 10)} KiB`;
  if (bytes < 2 ** 30) return `${Math.round(bytes / 2 ** 20)} MiB`;
  const gib = bytes / 2 ** 30;
  return gib >= 100 ? `${Math.round(gib)} GiB` : `${gib.toFixed(1)} GiB`;
}

export function percentText(percent: number): string {
  return percent > 0 && percent < 1 ? "under 1 %" : `${Math.round(percent)} %`;
}

// Something that is on or off, and takes effect at once.
interface SwitchProps {
  label: string;
  hint: string;
  testId: string;
  on: boolean;
  disabled?: boolean;
  change(on: boolean): void;
}

export function Switch({ label, hint, testId, on, disabled = false, change }: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={on}
      disabled={disabled}
      data-testid={testId}
      onClick={() => change(!on)}
    >
      <span class="switch-track" aria-hidden="true" />
      <span class="item-main">
        <span>{label}</span>
        <span class="item-sub">{hint}</span>
      </span>
    </button>
  );
}

// One of a few, chosen from the browser's own list.
interface SelectProps<T extends string> {
  label: string;
  testId: string;
  value: T;
  options: readonly { value: T; label: string }[];
  disabled?: boolean;
  title?: string | undefined;
  choose(value: T): void;
}

export function Select<T extends string>(props: SelectProps<T>) {
  const { label, testId, value, options, disabled = false, title, choose } = props;
  return (
    <select
      class="select"
      aria-label={label}
      data-testid={testId}
      value={value}
      disabled={disabled}
      title={title}
      onChange={(event) => {
        const chosen = options.find((option) => option.value === event.currentTarget.value);
        // What is shown follows the state: a refused change must not look like one.
        event.currentTarget.value = value;
        if (chosen !== undefined && chosen.value !== value) choose(chosen.value);
      }}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

// Drawn by hand at 16 units; they take the text's colour and are hidden from assistive technology.
import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const IconRun = () => (
  <Icon>
    <path d="M5 3.2v9.6l7.6-4.8z" fill="currentColor" stroke="none" />
  </Icon>
);
export const IconRunAll = () => (
  <Icon>
    <path d="M3 3.5v9l5-4.5zM8.5 3.5v9l5-4.5z" fill="currentColor" stroke="none" />
  </Icon>
);
export const IconStop = () => (
  <Icon>
    <rect x="4" y="4" width="8" height="8" rx="1.5" fill="currentColor" stroke="none" />
  </Icon>
);
export const IconRestart = () => (
  <Icon>
    <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3" />
  </Icon>
);
export const IconPlus = () => (
  <Icon>
    <path d="M8 3v10M3 8h10" />
  </Icon>
);
export const IconTrash = () => (
  <Icon>
    <path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9M6.8 7v4M9.2 7v4" />
  </Icon>
);
export const IconUp = () => (
  <Icon>
    <path d="M8 13V3M4 7l4-4 4 4" />
  </Icon>
);
export const IconDown = () => (
  <Icon>
    <path d="M8 3v10M4 9l4 4 4-4" />
  </Icon>
);
export const IconChevron = () => (
  <Icon>
    <path d="M4 6l4 4 4-4" />
  </Icon>
);
export const IconClose = () => (
  <Icon>
    <path d="M4 4l8 8M12 4l-8 8" />
  </Icon>
);
export const IconCopy = () => (
  <Icon>
    <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
    <path d="M10.5 5.5v-1a2 2 0 0 0-2-2h-4a2 2 0 0 0-2 2v4a2 2 0 0 0 2 2h1" />
  </Icon>
);
export const IconCheck = () => (
  <Icon>
    <path d="M3 8.5l3.5 3.5L13 4.5" />
  </Icon>
);
export const IconMoon = () => (
  <Icon>
    <path d="M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z" />
  </Icon>
);
export const IconSun = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1" />
  </Icon>
);
export const IconMachine = () => (
  <Icon>
    <rect x="2" y="3" width="12" height="8" rx="1.5" />
    <path d="M5.5 13.5h5M8 11v2.5" />
  </Icon>
);
export const IconBook = () => (
  <Icon>
    <path d="M4.5 2.5h7a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM6 2.5v11" />
  </Icon>
);
export const IconPencil = () => (
  <Icon>
    <path d="M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2z" />
  </Icon>
);
export const IconMore = () => (
  <Icon>
    <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" class="icon-dots" />
  </Icon>
);
export const IconSearch = () => (
  <Icon>
    <circle cx="7" cy="7" r="4.2" />
    <path d="M10.2 10.2L13.5 13.5" />
  </Icon>
);
export const IconUpload = () => (
  <Icon>
    <path d="M8 10.5V2.8M5 5.5l3-3 3 3M3 10.5v2a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-2" />
  </Icon>
);
export const IconDownload = () => (
  <Icon>
    <path d="M8 2.5v7.7M5 7.5l3 3 3-3M3 10.5v2a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-2" />
  </Icon>
);
export const IconHistory = () => (
  <Icon>
    <path d="M2.8 8a5.2 5.2 0 1 1 1.7 3.9M2.5 9.8l.4-2.4 2.3.8M8 5v3.2l2.2 1.3" />
  </Icon>
);
export const IconPerson = () => (
  <Icon>
    <circle cx="8" cy="5.4" r="2.7" />
    <path d="M2.8 13.6c.5-2.6 2.6-4 5.2-4s4.7 1.4 5.2 4" />
  </Icon>
);
export const IconShare = () => (
  <Icon>
    <circle cx="6.2" cy="5.6" r="2.5" />
    <path d="M1.6 13.2c.4-2.3 2.2-3.5 4.6-3.5 1.2 0 2.3.3 3.1.9M12.4 8.8v5M9.9 11.3h5" />
  </Icon>
);
export const IconKey = () => (
  <Icon>
    <circle cx="5.2" cy="10.8" r="2.6" />
    <path d="M7.1 8.9L13.2 2.8M10.7 5.3l2 2" />
  </Icon>
);
export const IconLeave = () => (
  <Icon>
    <path d="M9.5 2.5h-5a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h5M7 8h7M11.5 5.5L14 8l-2.5 2.5" />
  </Icon>
);
export const IconClock = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.5" />
    <path d="M8 4.8V8l2.2 1.4" />
  </Icon>
);
export const IconClear = () => (
  <Icon>
    <path d="M6.2 13h7.3M3 9.8L9.3 3.5l3.7 3.7L7.2 13H5.6z M6 6.8l3.7 3.7" />
  </Icon>
);
export const IconRunAbove = () => (
  <Icon>
    <path d="M3 13.5h10" />
    <path d="M5.5 2v8.4l6.6-4.2z" fill="currentColor" stroke="none" />
  </Icon>
);
export const IconRunBelow = () => (
  <Icon>
    <path d="M3 2.5h10" />
    <path d="M5.5 5.6V14l6.6-4.2z" fill="currentColor" stroke="none" />
  </Icon>
);
export const IconKeyboard = () => (
  <Icon>
    <rect x="1.5" y="4" width="13" height="8.5" rx="1.5" />
    <path d="M4.2 6.8h.01M6.8 6.8h.01M9.4 6.8h.01M12 6.8h.01" class="icon-dots" />
    <path d="M5 10h6" />
  </Icon>
);
export const IconLines = () => (
  <Icon>
    <path d="M2.5 4h1M2.5 8h1M2.5 12h1M6.5 4h7M6.5 8h7M6.5 12h5" />
  </Icon>
);
export const IconFold = () => (
  <Icon>
    <path d="M3 8h10M8 2v3.6M6 3.8l2 2 2-2M8 14v-3.6M6 12.2l2-2 2 2" />
  </Icon>
);
export const IconWide = () => (
  <Icon>
    <path d="M2 3v10M14 3v10M4.5 8h7M6.5 5.8L4.3 8l2.2 2.2M9.5 5.8L11.7 8l-2.2 2.2" />
  </Icon>
);

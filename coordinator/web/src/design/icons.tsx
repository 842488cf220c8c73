import type { ReactNode, SVGProps } from "react";

/** Line icons on a grid of 16, drawn for this UI: a package of them would be half of the installation. */
export type IconName = keyof typeof PATHS;

const PATHS = {
  logo: <><circle cx="10" cy="9.500" r="4.300" /><path d="M1 3.500h4.200c2.300 0 4 .2 6 1.500M10 7.200v4.600M7.700 9.500h4.600" /></>,
  overview: <path d="M2.500 2.500h4.500v6h-4.500zM9 2.500h4.500v3.500h-4.500zM9 8.500h4.500v5h-4.500zM2.500 11h4.500v2.500h-4.500z" />,
  runs: <path d="M5.500 4h8M5.500 8h8M5.500 12h8M2.200 4h.6M2.200 8h.6M2.200 12h.6" />,
  workflow: <><circle cx="3.500" cy="8" r="1.700" /><circle cx="12.500" cy="3.800" r="1.700" /><circle cx="12.500" cy="12.200" r="1.700" /><path d="M5.200 8c3.300 0 2.200-4.200 5.600-4.200M5.200 8c3.300 0 2.200 4.200 5.600 4.200" /></>,
  task: <rect x="2.500" y="4" width="11" height="8" rx="2" />,
  map: <><rect x="2.500" y="6" width="9" height="7" rx="1.600" /><path d="M5 3.500h7a1.500 1.500 0 0 1 1.500 1.500v5" /></>,
  grid: <path d="M2.500 2.500h3v3h-3zM6.500 2.500h3v3h-3zM10.500 2.500h3v3h-3zM2.500 6.500h3v3h-3zM6.500 6.500h3v3h-3zM10.500 6.500h3v3h-3zM2.500 10.500h3v3h-3zM6.500 10.500h3v3h-3zM10.500 10.500h3v3h-3z" />,
  play: <path d="M5 3.300 12.300 8 5 12.700z" />,
  event: <path d="M9 1.800 3.200 9h4.300l-.8 5.200L12.800 7H8.400z" />,
  worker: <><rect x="2.500" y="2.500" width="11" height="4.300" rx="1" /><rect x="2.500" y="9.200" width="11" height="4.300" rx="1" /><path d="M5 4.650h.1M5 11.350h.1" /></>,
  queue: <path d="M2.500 3.500h11M2.500 6.500h11M2.500 9.500h7M2.500 12.500h4" />,
  letter: <path d="M2.500 3.500h11v9h-11zM2.500 4.500 8 9l5.500-4.500" />,
  settings: <><circle cx="5" cy="4.500" r="1.600" /><circle cx="11" cy="11.500" r="1.600" /><path d="M6.600 4.500h6.900M2.500 4.500h.9M2.500 11.500h6.900M12.600 11.500h.9" /></>,
  search: <><circle cx="7" cy="7" r="4.300" /><path d="m10.300 10.300 3.200 3.200" /></>,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  menu: <path d="M2.500 4.500h11M2.500 8h11M2.500 11.500h11" />,
  chevronRight: <path d="m6 3.500 4.500 4.500L6 12.500" />,
  chevronDown: <path d="M3.500 6 8 10.500 12.500 6" />,
  arrowUp: <path d="M8 13V3.500M4 7.300l4-4 4 4" />,
  arrowDown: <path d="M8 3v9.500M12 8.700l-4 4-4-4" />,
  copy: <><rect x="5.500" y="5.500" width="8" height="8" rx="1.300" /><path d="M10.500 5.500v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" /></>,
  check: <path d="m3 8.500 3.300 3.300L13 4.700" />,
  terminal: <path d="m3 4.500 3.500 3.500L3 11.500M8.500 12h4.500" />,
  external: <path d="M9.500 2.500h4v4M13.500 2.500 7.500 8.500M11.500 9.500v3a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3" />,
  sun: <><circle cx="8" cy="8" r="2.800" /><path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9" /></>,
  moon: <path d="M13.300 9.700A5.700 5.700 0 0 1 6.300 2.700a5.700 5.700 0 1 0 7 7z" />,
  contrast: <><circle cx="8" cy="8" r="5.500" /><path d="M8 2.500v11a5.500 5.500 0 0 0 0-11z" fill="currentColor" /></>,
  keyboard: <><rect x="1.500" y="4" width="13" height="8" rx="1.300" /><path d="M4 6.700h.1M6.700 6.700h.1M9.300 6.700h.1M12 6.700h.1M5 9.500h6" /></>,
  clock: <><circle cx="8" cy="8" r="5.500" /><path d="M8 4.800V8l2.200 1.600" /></>,
  bookmark: <path d="M4.500 2.500h7v11L8 10.700l-3.500 2.800z" />,
  filter: <path d="M2.500 4h11M4.500 8h7M6.500 12h3" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1.200" />,
  table: <path d="M2.500 3h11v10h-11zM2.500 6.300h11M2.500 9.700h11M6.300 6.300V13" />,
  trace: <path d="M2.500 3.500h7M4.500 6.500h8M6.500 9.500h4M9.500 12.500h4" />,
  fit: <path d="M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10" />,
  plus: <path d="M8 3v10M3 8h10" />,
  minus: <path d="M3 8h10" />,
  warning: <path d="M8 2.300 14.300 13H1.700zM8 6.500v3M8 11.300v.1" />,
  info: <><circle cx="8" cy="8" r="5.500" /><path d="M8 7.500v3.300M8 5.200v.1" /></>,
} satisfies Record<string, ReactNode>;

interface Props extends Omit<SVGProps<SVGSVGElement>, "name"> {
  name: IconName;
  size?: number;
}

/** Decoration beside a word: hidden from screen readers. A control without a word needs an `aria-label` of its own. */
export function Icon({ name, size = 16, ...rest }: Props) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      {...rest}
    >
      {PATHS[name]}
    </svg>
  );
}

import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";

interface Props {
  value: string | undefined;
  change: (value: string | undefined) => void;
  label: string;
  placeholder: string;
  /** Of the shortcut `/`; without it the field has none. */
  group?: string;
  list?: string;
  className?: string | undefined;
}

/** A field that filters a list while one types. */
export function SearchField({ value, change, label, placeholder, group, list, className }: Props) {
  const [typed, setTyped] = useState(value ?? "");
  const input = useRef<HTMLInputElement>(null);
  const apply = useDebouncedCallback((text: string) => change(text.trim() || undefined), 200);
  useEffect(() => {
    // The address changed by itself: the person went back, or cleared the filters.
    if (document.activeElement !== input.current) setTyped(value ?? "");
  }, [value]);
  useShortcuts(group ? [{ keys: "/", label, group, run: () => input.current?.focus() }] : []);
  return (
    <TextInput
      ref={input}
      aria-label={label}
      placeholder={placeholder}
      className={className ?? ""}
      leftSection={group ? <Icon name="search" size={13} /> : undefined}
      value={typed}
      {...(list ? { list } : {})}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        apply(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" || event.key === "Enter") input.current?.blur();
      }}
    />
  );
}

import { ActionIcon, Button, Menu, TextInput } from "@mantine/core";
import { useState } from "react";

import { Icon } from "~/design/icons";

import classes from "./ViewsMenu.module.css";
import type { RunsFilter } from "./search";
import { GIVEN, sameFilter, useViews } from "./views";

/** Filters under a name, kept in this browser. */
export function ViewsMenu({ filter, apply }: { filter: RunsFilter; apply: (filter: RunsFilter) => void }) {
  const { own, save, remove } = useViews();
  const [name, setName] = useState("");
  const current = [...GIVEN, ...own].find((view) => sameFilter(view.filter, filter));
  return (
    <Menu width={240}>
      <Menu.Target>
        <Button leftSection={<Icon name="bookmark" size={14} />} rightSection={<Icon name="chevronDown" size={12} />}>
          {current?.name ?? "Views"}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {GIVEN.map((view) => (
          <Menu.Item key={view.name} onClick={() => apply(view.filter)} rightSection={view === current ? <Icon name="check" size={14} /> : null}>
            {view.name}
          </Menu.Item>
        ))}
        {own.length > 0 && <Menu.Label>Yours</Menu.Label>}
        {own.map((view) => (
          <div key={view.name} className={classes.own}>
            <Menu.Item onClick={() => apply(view.filter)} rightSection={view === current ? <Icon name="check" size={14} /> : null}>
              {view.name}
            </Menu.Item>
            <ActionIcon aria-label={`Remove the view ${view.name}`} onClick={() => remove(view.name)}>
              <Icon name="close" size={12} />
            </ActionIcon>
          </div>
        ))}
        {!current && (
          <form
            className={classes.save}
            onSubmit={(event) => {
              event.preventDefault();
              if (name.trim()) save({ name: name.trim(), filter });
              setName("");
            }}
          >
            <TextInput aria-label="Name of the view" placeholder="Save these filters as…" value={name} onChange={(event) => setName(event.currentTarget.value)} onKeyDown={(event) => event.stopPropagation()} />
            <Button type="submit" disabled={!name.trim()}>
              Save
            </Button>
          </form>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

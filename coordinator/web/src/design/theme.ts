import { ActionIcon, Button, Checkbox, Menu, Modal, type MantineColorsTuple, SegmentedControl, Select, TextInput, Tooltip, createTheme } from "@mantine/core";

import mantine from "./mantine.module.css";

/** Mantine brings behaviour (focus, keyboard, placement); the look is tokens.css and mantine.module.css. */
const accent: MantineColorsTuple = ["#e6f4f4", "#cfe7e8", "#9fd0d2", "#6cb8bb", "#44a3a8", "#2a969b", "#0d7f86", "#0a666c", "#075257", "#043d41"];

export const theme = createTheme({
  primaryColor: "accent",
  colors: { accent },
  primaryShade: { light: 6, dark: 4 },
  fontFamily: "var(--sans)",
  fontFamilyMonospace: "var(--mono)",
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle" }, classNames: { root: mantine.iconButton } }),
    Button: Button.extend({ defaultProps: { variant: "default" }, classNames: { root: mantine.button } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: "xs" }, classNames: { input: mantine.check } }),
    Menu: Menu.extend({
      defaultProps: { transitionProps: { duration: 80 }, offset: 4, position: "bottom-end" },
      classNames: { dropdown: mantine.dropdown, item: mantine.option, label: mantine.group },
    }),
    Modal: Modal.extend({
      // Its own lock of scrolling writes a <style>; the page does not scroll anyway.
      // Nor is a dialog's heading the banner of the page.
      defaultProps: { attributes: { header: { role: "none" } }, lockScroll: false, transitionProps: { duration: 100, transition: "fade" }, centered: false, yOffset: "12vh" },
      classNames: { content: mantine.modal, header: mantine.modalHeader, title: mantine.modalTitle, overlay: mantine.overlay },
    }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "xs" }, classNames: { root: mantine.segments, label: mantine.segment, indicator: mantine.segmentOn } }),
    Select: Select.extend({
      defaultProps: { size: "xs", comboboxProps: { transitionProps: { duration: 80 }, shadow: "none" }, checkIconPosition: "right" },
      classNames: { input: mantine.input, dropdown: mantine.dropdown, option: mantine.option },
    }),
    TextInput: TextInput.extend({ defaultProps: { size: "xs" }, classNames: { input: mantine.input, label: mantine.label } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, offset: 6, transitionProps: { duration: 80 } }, classNames: { tooltip: mantine.tooltip } }),
  },
});

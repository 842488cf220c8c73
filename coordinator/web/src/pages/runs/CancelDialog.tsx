import { RunsDialog, type RunsDialogProps } from "./RunsDialog";

export function CancelDialog(props: RunsDialogProps) {
  return <RunsDialog action="cancel" {...props} />;
}

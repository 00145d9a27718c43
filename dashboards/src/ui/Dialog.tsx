/** Dialogs that are there as long as they are open. */
import { useEffect, useState } from 'react';
import { Drawer, Modal, type DrawerProps, type ModalProps } from '@mantine/core';

/**
 * The library gives the focus back when it sees a dialog being closed. One that is
 * taken away instead has to do it itself.
 */
function useFocusReturn(): void {
  const [before] = useState(() => document.activeElement);
  useEffect(() => () => {
    // After the page without the dialog has been drawn.
    setTimeout(() => { if (before instanceof HTMLElement) before.focus({ preventScroll: true }); });
  }, [before]);
}

export function Dialog(props: Omit<ModalProps, 'opened'>) {
  useFocusReturn();
  return <Modal opened returnFocus={false} {...props} />;
}

export function SideSheet(props: Omit<DrawerProps, 'opened'>) {
  useFocusReturn();
  return <Drawer opened returnFocus={false} {...props} />;
}

import { createTheme, Modal, Tooltip } from '@mantine/core';

/**
 * What the components of Mantine look like here. Its colours are variables of `theme.css`: a style
 * that is made while the page runs would break the page's policy, and for the same reason dialogs
 * do not lock the page's scrolling, which the library does by such a style.
 */
export const theme = createTheme({
  fontFamily: 'system-ui, sans-serif',
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    Modal: Modal.extend({
      defaultProps: {
        lockScroll: false,
        centered: true,
        closeButtonProps: { 'aria-label': 'Close' },
      },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 300 } }),
  },
});

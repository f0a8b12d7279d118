/// <reference types="novnc__novnc" />

/** The package is called by its name now; what it is made of is as it was. */
declare module '@novnc/novnc' {
  export { default } from '@novnc/novnc/lib/rfb';
}

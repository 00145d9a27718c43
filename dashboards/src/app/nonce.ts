/**
 * The nonce of this page's Content-Security-Policy. Browsers hide the attribute
 * from markup but not from the property.
 */
export function readNonce(): string {
  const element = document.querySelector<HTMLElement>('meta[property="csp-nonce"]');
  return element?.nonce ?? '';
}

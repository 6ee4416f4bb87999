/** The headers of pages for people. */
import helmet from 'helmet'

/** Scripts and styles come from this server alone, and none is written into a page. */
export const pageHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Whether the site is served over TLS is for the proxy in front to say.
  strictTransportSecurity: false,
})

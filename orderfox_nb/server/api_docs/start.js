// Shows the server's own OpenAPI document. A script of its own: the page's policy can then forbid text as code.
/* global SwaggerUIBundle */
const xsrf = () => document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1] ?? "";

SwaggerUIBundle({
  url: new URL("openapi.json", location.href).href,
  dom_id: "#docs",
  deepLinking: true,
  // No other host is asked to check the document.
  validatorUrl: null,
  // Jupyter servers refuse a page's request without it.
  requestInterceptor: (request) => {
    if (xsrf()) request.headers["X-XSRFToken"] = xsrf();
    return request;
  },
});

// Starts the Swagger UI. It keeps no credentials in the browser's storage: the option for it is left out.

// The place of an operation within its group. Operations that end something come last: first the ends of keys, then
// deletions, then the ends of the credential that the page itself uses. Accounts are made before they sign in.
function place(operation) {
    const method = operation.get("method");
    const path = operation.get("path");
    if (path.endsWith("/accounts:signUp")) return 0;
    if (path.endsWith("/whoami/revoke") || path.endsWith("/me/sign-out")) return 4;
    if (method === "delete") return 3;
    return path.endsWith("}/revoke") ? 2 : 1;
}

window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    filter: true,
    // A member leaves a workspace before its organization: the later path comes first among deletions.
    operationsSorter: (a, b) =>
        place(a) - place(b) || (place(a) === 3 ? b.get("path").localeCompare(a.get("path")) : 0),
});

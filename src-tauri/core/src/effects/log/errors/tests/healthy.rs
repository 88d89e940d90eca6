use super::read;

#[test]
fn the_output_of_healthy_services_contains_no_error() {
    for text in [
        "INFO:     Started server process [4242]\nINFO:     Application startup complete.\nINFO:     127.0.0.1:5000 - \"GET /x HTTP/1.1\" 404 Not Found",
        "  VITE v7.1.2  ready in 139 ms\n\n  ➜  Local:   http://localhost:5173/\n  ➜  press h + enter to show help",
        "7:M 20 Nov 2026 10:00:00.001 * Ready to accept connections tcp",
        "0 errors, 2 warnings",
        "  ExperimentalWarning: Importing JSON modules is an experimental feature\n    at x (node:internal)",
        "INFO retrying: connection refused, attempt 1",
        "{\"level\":\"info\",\"msg\":\"no such table: x was created\"}",
        "> app@1.0.0 dev\n> vite",
        "Error handling is on",
        "",
    ] {
        assert_eq!(read(text).last_error, None, "{text}");
    }
}

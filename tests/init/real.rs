//! Real projects with their real programs: `init` writes their stack files, and they become ready without
//! an edit.

use crate::place::{Place, free_ports, get, installed, project, repository, with_ports};

/// Returns the written file, with the ports of this run replaced by those of the project.
fn written(place: &Place, ports: &[(u16, u16)]) -> String {
    let back: Vec<(u16, u16)> = ports.iter().map(|(own, free)| (*free, *own)).collect();
    with_ports(&place.read("pilotlight.toml"), &back)
}

fn up(place: &Place) -> Vec<String> {
    place.expect(&["init", "--yes"], 0);
    place.expect(&["check"], 0);
    place.expect(&["up", "--detach"], 0);
    place.until_green()
}

#[test]
fn fastapi_vite_and_redis_are_lit_without_an_edit() {
    let place = Place::new();
    let [redis, backend, frontend] = free_ports();
    let ports = [(6379, redis), (8001, backend), (5173, frontend)];
    let nexus = repository().join("examples/nexus");
    place.copy(&nexus, &ports);
    place.link(&nexus.join("backend/.venv"), "backend/.venv");
    place.link(
        &nexus.join("frontend/node_modules"),
        "frontend/node_modules",
    );
    let names = up(&place);
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(get(backend, "/v1/health").0, 200);
    assert!(get(frontend, "/").1.contains("id=\"root\""));
    insta::assert_snapshot!(written(&place, &ports));
}

#[test]
fn flask_celery_and_redis_are_lit_without_an_edit() {
    let place = Place::new();
    let [redis, web] = free_ports();
    let ports = [(16379, redis), (15000, web)];
    place.copy(&project("flask"), &ports);
    place.link(&installed("python"), ".venv");
    let names = up(&place);
    assert_eq!(names.len(), 3, "{names:?}");
    let (status, body) = get(web, "/health");
    assert_eq!((status, body.contains("ok")), (200, true), "{body}");
    insta::assert_snapshot!(written(&place, &ports));
}

#[test]
fn express_and_postgresql_are_lit_without_an_edit() {
    let mut place = Place::new();
    let [database, web] = free_ports();
    let ports = [(15432, database), (13000, web)];
    place.copy(&project("express"), &ports);
    place.link(&installed("node/node_modules"), "node_modules");
    place.give_to_another_user();
    let names = up(&place);
    assert!(names.iter().any(|name| name == "postgres"), "{names:?}");
    let (status, body) = get(web, "/health");
    assert_eq!((status, body.as_str()), (200, "{\"status\":\"ok\"}"));
    insta::assert_snapshot!(written(&place, &ports));
}

#[test]
fn django_by_its_procfile_is_lit_without_an_edit() {
    let place = Place::new();
    let [web] = free_ports();
    let ports = [(18000, web)];
    place.copy(&project("django"), &ports);
    place.link(&installed("python"), ".venv");
    assert_eq!(up(&place), ["web"]);
    assert_eq!(get(web, "/").1, "{\"books\": []}");
    insta::assert_snapshot!(written(&place, &ports));
}

#[test]
fn plain_vite_is_lit_without_an_edit() {
    let place = Place::new();
    let [page] = free_ports();
    let ports = [(15173, page)];
    place.copy(&project("vite"), &ports);
    let modules = repository().join("examples/nexus/frontend/node_modules");
    place.link(&modules, "node_modules");
    let names = up(&place);
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(get(page, "/").1.contains("A page"));
    insta::assert_snapshot!(written(&place, &ports));
}

//! The health page of a Python application: the route that is called so, with the prefixes of the
//! routers that it hangs from. One whose whole path is not certain is not given: a wrong path would
//! keep a healthy service from ever being ready.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::app::assigned;
use crate::detect::{
    line_at,
    source::{arguments, keyword, literal, pattern, split_arguments},
};

/// The code of the files of a project, by path.
pub(super) type Codes = BTreeMap<String, String>;

/// A health page and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) path: String,
    pub(super) file: String,
    pub(super) line: usize,
}

static ROUTE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?m)^[ \t]*@(\w+)\.(?:get|route|api_route|head)\([ \t\n]*(?:(?:path|rule)[ \t]*=[ \t]*)?["']([^"'\n]*)["']"#,
    )
});
static INCLUDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(\w+)\.(?:include_router|register_blueprint)\("));
static ROUTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^(\w+)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?=[ \t]*(?:\w+\.)?(?:APIRouter|Blueprint|APIBlueprint)\(",
    )
});
static IMPORTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([^)\n]*(?:\n[^)\n]*)*?)(?:\)|$)")
});

/// The health page of the application `object` of `file`.
pub(super) fn health(codes: &Codes, file: &str, object: &str) -> Option<Health> {
    let mut found: Vec<(u8, Health)> = Vec::new();
    for (path, code) in codes {
        for route in ROUTE.captures_iter(code).take(256) {
            let (Some(whole), Some(owner), Some(written)) =
                (route.get(0), route.get(1), route.get(2))
            else {
                continue;
            };
            let Some(rank) = rank(written.as_str()) else {
                continue;
            };
            if guarded(&code[whole.end()..]) {
                continue;
            }
            let Some(prefix) = prefix(codes, path, owner.as_str(), (file, object), 0) else {
                continue;
            };
            let path = path.clone();
            let line = line_at(code, owner.start());
            let whole = format!("{prefix}{}", written.as_str());
            if !whole.starts_with('/') || whole.contains(['{', '<', ' ']) {
                continue;
            }
            found.push((
                rank,
                Health {
                    path: whole,
                    file: path,
                    line,
                },
            ));
        }
    }
    found.sort_by_key(|(rank, health)| (*rank, health.path.len()));
    found.into_iter().next().map(|(_, health)| health)
}

/// How surely a path of this ending is a health page; 0 is the surest.
pub(in crate::detect) fn rank(path: &str) -> Option<u8> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    Some(match last.to_ascii_lowercase().as_str() {
        "health" => 0,
        "healthz" | "healthcheck" | "health-check" | "health_check" | "_health" => 1,
        "live" | "livez" | "liveness" | "alive" | "heartbeat" => 2,
        "ping" => 3,
        "ready" | "readyz" | "readiness" => 4,
        _ => return None,
    })
}

/// A function that asks who is there before it answers.
fn guarded(after: &str) -> bool {
    let mut end = after.len().min(400);
    while !after.is_char_boundary(end) {
        end -= 1;
    }
    let head = &after[..end];
    let signature = head.split_once("):").or_else(|| head.split_once("->"));
    let signature = signature.map_or(head, |(signature, _)| signature);
    [
        "current_user",
        "Security(",
        "login_required",
        "api_key",
        "require_",
    ]
    .iter()
    .any(|guard| signature.contains(guard))
}

/// What stands before the paths of the routes of `owner` in `path`, if it hangs from the application
/// by one way alone.
fn prefix(
    codes: &Codes,
    path: &str,
    owner: &str,
    app: (&str, &str),
    depth: usize,
) -> Option<String> {
    if path == app.0 && owner == app.1 {
        return Some(String::new());
    }
    if depth > 4 {
        return None;
    }
    let code = codes.get(path)?;
    let Some(own) = router_prefix(codes, code, owner) else {
        // No router: an application in a factory, under a name of its own.
        let made = Regex::new(&format!(
            r"\b{owner}[ \t]*=[ \t]*\w*(?:FastAPI|Flask|Starlette|Quart)\("
        ));
        let local = path == app.0 && made.is_ok_and(|made| made.is_match(code));
        return local.then(String::new);
    };
    let mut ways = Vec::new();
    for (includer, including) in codes {
        for include in INCLUDE.captures_iter(including).take(256) {
            let (Some(whole), Some(parent)) = (include.get(0), include.get(1)) else {
                continue;
            };
            let inside = arguments(including, whole.end() - 1);
            let Some(child) = split_arguments(inside).first().copied() else {
                continue;
            };
            if !is_meant(including, includer, child, path, owner) {
                continue;
            }
            let given = keyword(inside, "prefix").or_else(|| keyword(inside, "url_prefix"));
            let given = match given {
                Some(expression) => Some(text_of(codes, including, expression)?),
                None => None,
            };
            let above = prefix(codes, includer, parent.as_str(), app, depth + 1)?;
            // A blueprint's own prefix gives way to that of its registration; a router's does not.
            let replaces = whole.as_str().contains("register_blueprint");
            ways.push(match given {
                Some(given) if replaces => format!("{above}{given}"),
                Some(given) => format!("{above}{given}{own}"),
                None => format!("{above}{own}"),
            });
        }
    }
    ways.dedup();
    (ways.len() == 1).then(|| ways.remove(0))
}

/// The prefix of the router of this name; none if it is no router.
fn router_prefix(codes: &Codes, code: &str, name: &str) -> Option<String> {
    let (at, _) = ROUTER
        .captures_iter(code)
        .take(32)
        .filter_map(|found| Some((found.get(0)?.end(), found.get(1)?.as_str())))
        .find(|(_, router)| *router == name)?;
    let inside = arguments(code, at - 1);
    match keyword(inside, "prefix").or_else(|| keyword(inside, "url_prefix")) {
        Some(expression) => text_of(codes, code, expression),
        None => Some(String::new()),
    }
}

/// Whether `child`, in `includer`, is the router `owner` of the file `path`.
fn is_meant(including: &str, includer: &str, child: &str, path: &str, owner: &str) -> bool {
    if includer == path {
        return child == owner;
    }
    let module = module_name(path);
    match child.rsplit_once('.') {
        // `health.router`
        Some((holder, name)) => {
            name == owner && holder.rsplit('.').next() == Some(module) || {
                let alias = holder.rsplit('.').next().unwrap_or(holder);
                name == owner && imports(including, alias).is_some_and(|(_, real)| real == module)
            }
        }
        // `from app.health import router as health_router`
        None => imports(including, child)
            .is_some_and(|(from, real)| real == owner && from.rsplit('.').next() == Some(module)),
    }
}

/// `health` of `app/routes/health.py`, `routes` of `app/routes/__init__.py`.
fn module_name(path: &str) -> &str {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
    stem.rsplit('/').next().unwrap_or(stem)
}

/// Where a name of a file comes from: the module, and what it is called there.
fn imports<'a>(code: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    IMPORTED.captures_iter(code).take(256).find_map(|found| {
        let from = found.get(1)?.as_str();
        found.get(2)?.as_str().split(',').find_map(|item| {
            let mut words = item.split_whitespace();
            let real = words.next()?;
            let shown = match words.next() {
                Some("as") => words.next()?,
                _ => real,
            };
            (shown == name).then_some((from, real))
        })
    })
}

/// The text that an expression stands for: written out, or a name that has one value in the project.
fn text_of(codes: &Codes, code: &str, expression: &str) -> Option<String> {
    if let Some(text) = literal(expression) {
        return Some(text.to_owned());
    }
    let name = expression.rsplit('.').next()?;
    let here = assigned(code, name).and_then(|(value, _)| literal(value));
    let there = || {
        codes
            .values()
            .find_map(|code| literal(assigned(code, name)?.0))
    };
    here.or_else(there).map(str::to_owned)
}

/// A page of Django that says that it is well: a `path` of the root URLconf.
pub(super) fn django_health(codes: &Codes) -> Option<Health> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"\bpath\([ \t\n]*["']([^"'\n<]*)["'][ \t\n]*,[ \t\n]*([^\n]*)"#)
    });
    // The root URLconf stands beside the settings.
    let roots = codes.iter().filter(|(path, code)| {
        let folder = path.strip_suffix("urls.py");
        let beside = |name: &str| {
            folder.is_some_and(|folder| {
                codes
                    .keys()
                    .any(|other| other.starts_with(&format!("{folder}{name}")))
            })
        };
        beside("settings") || (folder.is_some() && code.contains("admin.site.urls"))
    });
    for (file, code) in roots {
        for found in PATH.captures_iter(code).take(256) {
            let (Some(path), Some(view)) = (found.get(1), found.get(2)) else {
                continue;
            };
            let includes = view.as_str().starts_with("include(");
            let known = includes && view.as_str().contains("health_check");
            if known || (!includes && rank(path.as_str()).is_some()) {
                return Some(Health {
                    path: format!("/{}", path.as_str()),
                    file: file.clone(),
                    line: line_at(code, path.start()),
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::python::app::code;

    fn health_of(files: &[(&str, &str)]) -> Option<String> {
        let codes = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), code(text)))
            .collect();
        health(&codes, files[0].0, "app").map(|health| health.path)
    }

    #[test]
    fn a_route_of_the_application_itself_is_found() {
        let main = "app = FastAPI()\n@app.get('/v1/health')\nasync def health():\n    return {}\n";
        assert_eq!(
            health_of(&[("main.py", main)]).as_deref(),
            Some("/v1/health")
        );
    }

    #[test]
    fn prefixes_add_up_over_routers_and_files() {
        let files = [
            (
                "app/main.py",
                "from app.api.main import api_router\nfrom app.core.config import settings\napp = FastAPI()\napp.include_router(api_router, prefix=settings.API_V1_STR)\n",
            ),
            (
                "app/api/main.py",
                "from app.api.routes import items, utils\napi_router = APIRouter()\napi_router.include_router(items.router)\napi_router.include_router(utils.router)\n",
            ),
            (
                "app/api/routes/utils.py",
                "router = APIRouter(prefix=\"/utils\", tags=[\"utils\"])\n\n@router.get(\"/health-check/\")\nasync def health_check() -> bool:\n    return True\n",
            ),
            (
                "app/core/config.py",
                "class Settings(BaseSettings):\n    API_V1_STR: str = \"/api/v1\"\n",
            ),
        ];
        assert_eq!(
            health_of(&files).as_deref(),
            Some("/api/v1/utils/health-check/")
        );
    }

    #[test]
    fn a_router_under_another_name_is_followed() {
        let files = [
            (
                "main.py",
                "from .health import router as health_router\napp = FastAPI()\napp.include_router(health_router, prefix='/x')\n",
            ),
            (
                "health.py",
                "router = APIRouter()\n@router.get('/healthz')\ndef z(): ...\n",
            ),
        ];
        assert_eq!(health_of(&files).as_deref(), Some("/x/healthz"));
    }

    #[test]
    fn a_blueprint_is_where_it_is_registered() {
        let files = [
            (
                "shop/__init__.py",
                "from .api import bp\ndef create_app():\n    app = Flask(__name__)\n    app.register_blueprint(bp, url_prefix='/api')\n    return app\n",
            ),
            (
                "shop/api.py",
                "bp = Blueprint('api', __name__, url_prefix='/old')\n@bp.route('/ping')\ndef ping(): ...\n",
            ),
        ];
        let codes = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), code(text)))
            .collect();
        let found = health(&codes, "shop/__init__.py", "create_app").unwrap();
        assert_eq!(
            (found.path.as_str(), found.file.as_str(), found.line),
            ("/api/ping", "shop/api.py", 2)
        );
    }

    #[test]
    fn what_is_not_certain_is_not_said() {
        let twice = [
            (
                "main.py",
                "from h import router\napp = FastAPI()\napp.include_router(router, prefix='/a')\napp.include_router(router, prefix='/b')\n",
            ),
            (
                "h.py",
                "router = APIRouter()\n@router.get('/health')\ndef z(): ...\n",
            ),
        ];
        assert_eq!(health_of(&twice), None);
        let computed = [
            (
                "main.py",
                "from h import router\napp = FastAPI()\napp.include_router(router, prefix=base())\n",
            ),
            (
                "h.py",
                "router = APIRouter()\n@router.get('/health')\ndef z(): ...\n",
            ),
        ];
        assert_eq!(health_of(&computed), None);
        let guarded =
            "app = FastAPI()\n@app.get('/health')\ndef h(user = Depends(current_user)):\n    ...\n";
        assert_eq!(health_of(&[("main.py", guarded)]), None);
        let loops = [
            ("main.py", "app = FastAPI()\n"),
            (
                "h.py",
                "router = APIRouter()\nrouter.include_router(router)\n@router.get('/health')\ndef z(): ...\n",
            ),
        ];
        assert_eq!(health_of(&loops), None);
    }

    #[test]
    fn django_has_it_in_the_root() {
        let codes = [
            ("config/settings.py", ""),
            (
                "config/urls.py",
                "urlpatterns = [\n    path('admin/', admin.site.urls),\n    path('health/', views.health),\n]\n",
            ),
            ("shop/urls.py", "urlpatterns = [path('ping', views.ping)]\n"),
        ];
        let codes = codes
            .iter()
            .map(|(path, text)| ((*path).to_owned(), code(text)))
            .collect();
        let found = django_health(&codes).unwrap();
        assert_eq!((found.path.as_str(), found.line), ("/health/", 3));
    }
}

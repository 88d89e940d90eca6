//! The health page of a Python application: the route that is called so, with the prefixes of the
//! routers that it hangs from. One whose whole path is not certain is not given: a wrong path would
//! keep a healthy service from ever being ready.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use regex::Regex;

use super::serving::assigned;
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

/// More routes that are called so than a project has, and a bound for what is none.
const ROUTES_AT_MOST: usize = 64;
/// Routers within routers.
const DEPTH_AT_MOST: usize = 4;

/// The health page of the application `object` of `file`.
pub(super) fn health(codes: &Codes, file: &str, object: &str) -> Option<Health> {
    let mut found: Vec<(u8, Health)> = Vec::new();
    let mut known = None;
    let routes = codes.iter().flat_map(|(path, code)| {
        let routes = ROUTE.captures_iter(code);
        routes.filter_map(move |route| {
            let (whole, owner, written) = (route.get(0)?, route.get(1)?, route.get(2)?);
            let rank = rank(written.as_str()).filter(|_| !guarded(&code[whole.end()..]))?;
            Some((rank, path, code, owner, written.as_str()))
        })
    });
    for (rank, path, code, owner, written) in routes.take(ROUTES_AT_MOST) {
        let hanging = known.get_or_insert_with(|| Routers::read(codes, file, object));
        let Some(prefix) = hanging.prefix(path, owner.as_str(), 0) else {
            continue;
        };
        let whole = format!("{prefix}{written}");
        if whole.starts_with('/') && !whole.contains(['{', '<', ' ']) {
            let line = line_at(code, owner.start());
            found.push((
                rank,
                Health {
                    path: whole,
                    file: path.clone(),
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

/// How the routers of a project hang together.
struct Routers<'a> {
    codes: &'a Codes,
    /// The application that all hang from: its file and its name.
    app: (&'a str, &'a str),
    includes: Vec<Include<'a>>,
    /// By file and name, the expression of its prefix.
    own: HashMap<(&'a str, &'a str), Option<&'a str>>,
}

/// `parent.include_router(child, prefix=…)`
struct Include<'a> {
    file: &'a str,
    parent: &'a str,
    child: &'a str,
    prefix: Option<&'a str>,
    /// A blueprint's own prefix gives way to that of its registration; a router's does not.
    replaces: bool,
    /// Where the first name of `child` comes from, and what it is called there.
    from: Option<(&'a str, &'a str)>,
}

impl<'a> Routers<'a> {
    fn read(codes: &'a Codes, file: &'a str, object: &'a str) -> Self {
        let (mut includes, mut own) = (Vec::new(), HashMap::new());
        for (path, code) in codes {
            for found in ROUTER.captures_iter(code).take(64) {
                if let (Some(whole), Some(name)) = (found.get(0), found.get(1)) {
                    let inside = arguments(code, whole.end() - 1);
                    own.insert((path.as_str(), name.as_str()), prefix_in(inside));
                }
            }
            let found: Vec<_> = INCLUDE.captures_iter(code).take(256).collect();
            if found.is_empty() {
                continue;
            }
            let imports = imports(code);
            for include in found {
                let (Some(whole), Some(parent)) = (include.get(0), include.get(1)) else {
                    continue;
                };
                let inside = arguments(code, whole.end() - 1);
                let Some(child) = split_arguments(inside).first().copied() else {
                    continue;
                };
                // `routes.health.router`: the name that tells is the last before the router's.
                let holder = child.rsplit_once('.').map_or(child, |(holder, _)| holder);
                let name = holder.rsplit('.').next().unwrap_or(holder);
                includes.push(Include {
                    file: path,
                    parent: parent.as_str(),
                    child,
                    prefix: prefix_in(inside),
                    replaces: whole.as_str().contains("register_blueprint"),
                    from: imports.get(name).copied(),
                });
            }
        }
        Self {
            codes,
            app: (file, object),
            includes,
            own,
        }
    }

    /// What stands before the paths of the routes of `owner` in `path`, if it hangs from the
    /// application by one way alone.
    fn prefix(&self, path: &str, owner: &str, depth: usize) -> Option<String> {
        if (path, owner) == self.app {
            return Some(String::new());
        }
        if depth > DEPTH_AT_MOST {
            return None;
        }
        let Some(own) = self.own.get(&(path, owner)) else {
            // No router: an application in a factory, under a name of its own.
            let made = Regex::new(&format!(
                r"\b{owner}[ \t]*=[ \t]*(?:\w+\.)?(?:\w*FastAPI|\w*Flask|Starlette|Quart)\("
            ));
            let code = self.codes.get(path).filter(|_| path == self.app.0)?;
            return made.is_ok_and(|made| made.is_match(code)).then(String::new);
        };
        let own = self.text_of(path, *own)?;
        let mut ways: Vec<String> = Vec::new();
        for include in self
            .includes
            .iter()
            .filter(|include| include.means(path, owner))
        {
            let above = self.prefix(include.file, include.parent, depth + 1)?;
            ways.push(match include.prefix {
                Some(given) if include.replaces => {
                    format!("{above}{}", self.text_of(include.file, Some(given))?)
                }
                Some(given) => format!("{above}{}{own}", self.text_of(include.file, Some(given))?),
                None => format!("{above}{own}"),
            });
            if ways.len() > 1 {
                ways.dedup();
                if ways.len() > 1 {
                    return None;
                }
            }
        }
        ways.pop()
    }

    /// The text that an expression stands for: written out, or a name that the project gives a value.
    /// No expression is no text.
    fn text_of(&self, path: &str, expression: Option<&str>) -> Option<String> {
        let Some(expression) = expression else {
            return Some(String::new());
        };
        if let Some(text) = literal(expression) {
            return Some(text.to_owned());
        }
        let name = expression.rsplit('.').next()?;
        let here = self
            .codes
            .get(path)
            .and_then(|code| literal(assigned(code, name)?.0));
        let there = || {
            self.codes
                .values()
                .find_map(|code| literal(assigned(code, name)?.0))
        };
        here.or_else(there).map(str::to_owned)
    }
}

impl Include<'_> {
    /// Whether its child is the router `owner` of the file `path`.
    fn means(&self, path: &str, owner: &str) -> bool {
        if self.file == path {
            return self.child == owner;
        }
        let module = module_name(path);
        match self.child.rsplit_once('.') {
            // `health.router`, where `health` may be another name for it.
            Some((holder, name)) => {
                let last = holder.rsplit('.').next().unwrap_or(holder);
                name == owner && self.from.map_or(last, |(_, real)| real) == module
            }
            // `from app.health import router as health_router`
            None => self.from.is_some_and(|(from, real)| {
                real == owner && from.rsplit('.').next() == Some(module)
            }),
        }
    }
}

fn prefix_in(arguments: &str) -> Option<&str> {
    keyword(arguments, "prefix").or_else(|| keyword(arguments, "url_prefix"))
}

/// `health` of `app/routes/health.py`, `routes` of `app/routes/__init__.py`.
fn module_name(path: &str) -> &str {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
    stem.rsplit('/').next().unwrap_or(stem)
}

/// Where the names of a file come from: the module, and what it is called there.
fn imports(code: &str) -> HashMap<&str, (&str, &str)> {
    let mut names = HashMap::new();
    for found in IMPORTED.captures_iter(code).take(256) {
        let (Some(from), Some(items)) = (found.get(1), found.get(2)) else {
            continue;
        };
        for item in items.as_str().split(',') {
            let mut words = item.split_whitespace();
            let Some(real) = words.next() else { continue };
            let shown = match words.next() {
                Some("as") => words.next().unwrap_or(real),
                _ => real,
            };
            names.insert(shown, (from.as_str(), real));
        }
    }
    names
}

/// A page of Django that says that it is well: a `path` of the root `URLconf`.
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

//! The health page of a Python application: a route with a usual name, with the prefixes of its routers. A page whose whole
//! path is not certain does not count: a wrong path would keep a healthy service from becoming ready.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use regex::Regex;

use super::serving::assigned;
use crate::{
    detect::{
        health::ready,
        line_at,
        source::{arguments, keyword, literal, pattern, split_arguments},
    },
    draft::{Origin, Ready, Sourced},
};

/// The code of the files of a project, by path.
pub(super) type Codes = BTreeMap<String, String>;

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

/// The routes with such names that are read.
const ROUTES_AT_MOST: usize = 64;
/// The depth of routers within routers.
const DEPTH_AT_MOST: usize = 4;

/// Returns the health page of the application `object` of `file`.
pub(super) fn health(codes: &Codes, file: &str, object: &str) -> Option<Sourced<Ready>> {
    let mut best: Option<(u8, usize, Sourced<Ready>)> = None;
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
        let is_certain = whole.starts_with('/') && !whole.contains(['{', '<', ' ']);
        let is_better = best
            .as_ref()
            .is_none_or(|(other, length, _)| (rank, whole.len()) < (*other, *length));
        if is_certain && is_better {
            let because = Origin::line(path, line_at(code, owner.start()), "its health page");
            best = Some((rank, whole.len(), because.says(ready(&whole))));
        }
    }
    best.map(|(_, _, ready)| ready)
}

/// Returns how surely a path with this ending is a health page; 0 is the surest.
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

/// Whether a function asks for a login before it answers.
fn guarded(after: &str) -> bool {
    let head = &after[..after.floor_char_boundary(400)];
    let signature = head.split_once("):").or_else(|| head.split_once("->"));
    let signature = signature.map_or(head, |(signature, _)| signature);
    let guards = "current_user Security( login_required api_key require_";
    guards.split(' ').any(|guard| signature.contains(guard))
}

/// The routers of a project, and which includes which.
struct Routers<'a> {
    codes: &'a Codes,
    /// The application: its file and its name.
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
    /// Whether the prefix replaces the router's own one, as at the registration of a blueprint.
    replaces: bool,
    /// The module of the first name of `child`, and its name there.
    from: Option<(&'a str, &'a str)>,
}

impl<'a> Routers<'a> {
    fn read(codes: &'a Codes, file: &'a str, object: &'a str) -> Self {
        let (mut includes, mut own) = (Vec::new(), HashMap::new());
        for (path, code) in codes {
            for found in ROUTER.captures_iter(code).take(64) {
                let (_, [name]) = found.extract();
                let inside = arguments(code, found.get_match().end() - 1);
                own.insert((path.as_str(), name), prefix_in(inside));
            }
            let found: Vec<_> = INCLUDE.captures_iter(code).take(256).collect();
            if found.is_empty() {
                continue;
            }
            let imports = imports(code);
            for include in found {
                let (whole, [parent]) = include.extract();
                let inside = arguments(code, include.get_match().end() - 1);
                let Some(child) = split_arguments(inside).first().copied() else {
                    continue;
                };
                // `routes.health.router`: the name before the router's is the module.
                let holder = child.rsplit_once('.').map_or(child, |(holder, _)| holder);
                let name = holder.rsplit('.').next().unwrap_or(holder);
                includes.push(Include {
                    file: path,
                    parent,
                    child,
                    prefix: prefix_in(inside),
                    replaces: whole.contains("register_blueprint"),
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

    /// Returns the prefix of the routes of `owner` in `path`, if one way alone leads to the application.
    fn prefix(&self, path: &str, owner: &str, depth: usize) -> Option<String> {
        if (path, owner) == self.app {
            return Some(String::new());
        }
        if depth > DEPTH_AT_MOST {
            return None;
        }
        let Some(own) = self.own.get(&(path, owner)) else {
            // It is no router, but may be an application in a factory, under another name.
            let made = Regex::new(&format!(
                r"\b{owner}[ \t]*=[ \t]*(?:\w+\.)?(?:\w*FastAPI|\w*Flask|Starlette|Quart)\("
            ));
            let code = self.codes.get(path).filter(|_| path == self.app.0)?;
            return made.is_ok_and(|made| made.is_match(code)).then(String::new);
        };
        let own = self.text_of(path, *own)?;
        let mut way: Option<String> = None;
        let includes = self.includes.iter();
        for include in includes.filter(|include| include.means(path, owner)) {
            let above = self.prefix(include.file, include.parent, depth + 1)?;
            let given = self.text_of(include.file, include.prefix)?;
            let is_replaced = include.replaces && include.prefix.is_some();
            let own = if is_replaced { "" } else { &own };
            let this = format!("{above}{given}{own}");
            if way.get_or_insert_with(|| this.clone()) != &this {
                return None;
            }
        }
        way
    }

    /// Returns the text of an expression: a literal, or a name to which the project gives a value. Without an expression,
    /// the text is empty.
    fn text_of(&self, path: &str, expression: Option<&str>) -> Option<String> {
        let Some(expression) = expression else {
            return Some(String::new());
        };
        if let Some(text) = literal(expression) {
            return Some(text.to_owned());
        }
        let name = expression.rsplit('.').next()?;
        let text = |code: &'a String| literal(assigned(code, name)?.0);
        let here = self.codes.get(path).and_then(text);
        let there = || self.codes.values().find_map(text);
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

/// Returns `health` of `app/routes/health.py`, `routes` of `app/routes/__init__.py`.
fn module_name(path: &str) -> &str {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
    stem.rsplit('/').next().unwrap_or(stem)
}

/// Returns the module of each imported name of a file, and its name there.
fn imports(code: &str) -> HashMap<&str, (&str, &str)> {
    let mut names = HashMap::new();
    for found in IMPORTED.captures_iter(code).take(256) {
        let (_, [from, items]) = found.extract();
        for item in items.split(',') {
            let mut words = item.split_whitespace();
            let Some(real) = words.next() else { continue };
            let shown = match words.next() {
                Some("as") => words.next().unwrap_or(real),
                _ => real,
            };
            names.insert(shown, (from, real));
        }
    }
    names
}

/// Returns the health page of Django: a `path` of the root `URLconf`.
pub(super) fn django_health(codes: &Codes) -> Option<Sourced<Ready>> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r#"\bpath\([ \t\n]*["']([^"'\n<]*)["'][ \t\n]*,[ \t\n]*([^\n]*)"#)
    });
    // The root URLconf is beside the settings.
    let roots = codes.iter().filter(|(path, code)| {
        let folder = path.strip_suffix("urls.py");
        let beside = |name: &str| {
            let start = format!("{}{name}", folder.unwrap_or("/"));
            codes.keys().any(|other| other.starts_with(&start))
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
                let because = Origin::line(file, line_at(code, path.start()), "its health page");
                return Some(because.says(ready(&format!("/{}", path.as_str()))));
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
        health(&codes, files[0].0, "app").map(|found| page_of(&found))
    }

    fn page_of(found: &Sourced<Ready>) -> String {
        match &found.value.probes[..] {
            [crate::draft::Probe::Http(page)] => page.url.clone(),
            other => panic!("{other:?}"),
        }
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
            (page_of(&found).as_str(), found.because),
            (
                "/api/ping",
                Origin::line("shop/api.py", 2, "its health page")
            )
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
        assert_eq!(
            (page_of(&found).as_str(), found.because.line),
            ("/health/", Some(3))
        );
    }
}

//! The applications that a Python file makes: `app = FastAPI()`, `def create_app() -> Flask`, and scripts that serve by
//! themselves.

use std::sync::LazyLock;

use regex::Regex;

use crate::detect::{
    line_at,
    port::Port,
    source::{Syntax, arguments, keyword, pattern, split_arguments, without_comments},
};

use super::{
    framework::Framework,
    serving::{Run, runs},
};

/// An application in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct App {
    pub(super) framework: Framework,
    /// The name of the object, or of the function that returns it; empty for a script.
    pub(super) object: String,
    /// Whether `object` is a function without required arguments.
    pub(super) factory: bool,
    /// The line that makes it, from 1.
    pub(super) line: usize,
    pub(super) port: Option<Port>,
    /// The last name of an expression for the port, whose value is in another file.
    pub(super) port_name: Option<String>,
    /// Whether its source restarts it when a file changes.
    pub(super) reload: bool,
    /// Whether it has documentation at `/docs`.
    pub(super) documented: bool,
}

impl App {
    pub(super) fn new(framework: Framework, object: impl Into<String>, line: usize) -> Self {
        Self {
            framework,
            object: object.into(),
            factory: false,
            line,
            port: None,
            port_name: None,
            reload: false,
            documented: false,
        }
    }
}

static MADE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^([ \t]*)(?:(\w+)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?=|return)[ \t]*(?:\w+\.)?(FastAPI|Starlette|Litestar|Quart|Flask|APIFlask|OpenAPI|Celery|Dash)(?:\[\w+\])?\(",
    )
});
static FUNCTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\("));
static TOP_CALL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^(\w+)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?=[ \t]*(?:\w+\.)*(\w+)\("));

/// Returns the code of a Python file for the functions of this module.
pub(super) fn code(text: &str) -> String {
    without_comments(text, Syntax::Python)
}

/// Returns all applications of a file, in their order.
pub(super) fn apps_in(file: &str, code: &str) -> Vec<App> {
    let mut apps = Vec::new();
    made(code, &mut apps);
    pages(code, &mut apps);
    let runs = runs(file, code);
    for app in &mut apps {
        let mut own = runs.iter().filter(|run| run.serves(app.framework));
        let is_named = |run: &&Run| {
            let target = run.target.as_ref();
            target.is_none_or(|target| *target == app.object)
        };
        if let Some(run) = own.clone().find(is_named).or_else(|| own.next()) {
            app.port = run.port.clone();
            app.port_name.clone_from(&run.port_name);
            app.reload |= run.reload;
        }
    }
    apps
}

/// Adds the applications of assignments and factories.
fn made(code: &str, apps: &mut Vec<App>) {
    // Cheap, and most files make none.
    if !MADE.is_match(code) {
        return;
    }
    let functions = FUNCTION.captures_iter(code).take(1024);
    let functions = functions.filter_map(|found| {
        let whole = found.get_match();
        let parameters = split_arguments(arguments(code, whole.end() - 1));
        let mut parameters = parameters.iter();
        let free = parameters.all(|it| it.contains('=') || it.starts_with('*') || *it == "/");
        Some((whole.start(), found.get(1)?.as_str(), free))
    });
    let functions: Vec<(usize, &str, bool)> = functions.collect();
    for found in MADE.captures_iter(code).take(32) {
        let (whole, Some(class)) = (found.get_match(), found.get(3)) else {
            continue;
        };
        let Some(framework) = Framework::of_class(class.as_str()) else {
            continue;
        };
        let inside = arguments(code, whole.end() - 1);
        let object = found.get(2).map_or("", |name| name.as_str());
        let mut app = App::new(framework, object, line_at(code, class.start()));
        app.documented = framework == Framework::Fastapi
            && keyword(inside, "docs_url").is_none()
            && keyword(inside, "openapi_url").is_none();
        if !found[1].is_empty() {
            // Of the functions at the left margin, the last before it, unless code at the margin is between the two.
            let mut before = functions.iter().rev();
            let Some(&(start, name, free)) = before.find(|(at, ..)| *at < whole.start()) else {
                continue;
            };
            let mut lines = code[start..whole.start()].lines().skip(1);
            let left = lines.any(|line| line.starts_with(|c: char| c.is_alphabetic() || c == '@'));
            // `make_celery(app)` gets the application of Flask.
            if left || !(free || framework == Framework::Celery) {
                continue;
            }
            app.factory = true;
            name.clone_into(&mut app.object);
        } else if app.object.is_empty() {
            continue;
        }
        if !apps.iter().any(|there| there.object == app.object) {
            apps.push(app);
        }
    }
    objects_of_factories(code, apps);
    unwrap_mounted(code, apps);
}

/// Replaces a factory by its object, where `app = create_app()` at the margin makes one.
fn objects_of_factories(code: &str, apps: &mut [App]) {
    for (object, line, maker) in top_calls(code) {
        let mut apps = apps.iter_mut();
        if let Some(app) = apps.find(|app| app.factory && app.object == maker) {
            (app.object, app.line, app.factory) = (object, line, false);
        }
    }
}

/// Returns the assignments of a call at the left margin: object, line, function.
pub(super) fn top_calls(code: &str) -> impl Iterator<Item = (String, usize, String)> {
    let calls = TOP_CALL.captures_iter(code).take(256);
    calls.map(|found| {
        let line = line_at(code, found.get_match().start());
        (found[1].to_owned(), line, found[2].to_owned())
    })
}

/// Removes applications that another one of the file mounts, and takes the `socketio.ASGIApp` around an application.
fn unwrap_mounted(code: &str, apps: &mut Vec<App>) {
    static MOUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\.mount\("));
    static WRAPPED: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?m)^(\w+)[ \t]*=[ \t]*(?:socketio\.)?ASGIApp\("));
    let mounts = MOUNT.find_iter(code).take(32);
    let mounted: Vec<&str> = mounts
        .flat_map(|found| split_arguments(arguments(code, found.end() - 1)))
        .collect();
    if apps.len() > 1 {
        apps.retain(|app| !mounted.contains(&app.object.as_str()));
    }
    for found in WRAPPED.captures_iter(code).take(4) {
        let inside = split_arguments(arguments(code, found.get_match().end() - 1));
        let values = inside
            .iter()
            .filter_map(|argument| argument.rsplit('=').next());
        let values: Vec<&str> = values.map(str::trim).collect();
        for app in apps.iter_mut() {
            if values.contains(&app.object.as_str()) {
                found[1].clone_into(&mut app.object);
            }
        }
    }
}

/// Adds a script that makes pages or serves by itself.
fn pages(code: &str, apps: &mut Vec<App>) {
    static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?m)^(?:import|from)[ \t]+(streamlit|gradio|nicegui|aiohttp|grpc)\b")
    });
    let pages = IMPORT.captures_iter(code).find_map(|found| {
        let (framework, needs) = match &found[1] {
            "streamlit" => (Framework::Streamlit, r"\bst\.\w|\bstreamlit\.\w"),
            "gradio" => (Framework::Gradio, r"\.launch\("),
            "nicegui" => (Framework::Nicegui, r"\bui\.run\("),
            "aiohttp" => (Framework::Aiohttp, r"\brun_app\("),
            _ => (Framework::Grpc, r"\.add_insecure_port\("),
        };
        Some((
            framework,
            found.get_match().start(),
            pattern(needs).find(code)?.start(),
        ))
    });
    match pages {
        // A Streamlit module that another one imports defines functions only; calls at the margin make a page.
        Some((Framework::Streamlit, import, _)) if draws(code) => {
            apps.push(App::new(Framework::Streamlit, "", line_at(code, import)));
        }
        Some((Framework::Streamlit, ..)) | None => {}
        Some((framework, _, call)) => apps.push(App::new(framework, "", line_at(code, call))),
    }
}

fn draws(code: &str) -> bool {
    static DRAWN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?m)^(?:st\.\w|with[ \t]+st\.|if[ \t]+st\.|\w+[ \t]*=[ \t]*st\.|if[ \t]+__name__|main\()",
        )
    });
    DRAWN.is_match(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apps(text: &str) -> Vec<App> {
        apps_in("main.py", &code(text))
    }

    fn only(text: &str) -> App {
        let mut apps = apps(text);
        assert_eq!(apps.len(), 1, "{apps:#?}");
        apps.remove(0)
    }

    #[test]
    fn an_application_at_the_margin_is_found_with_its_port() {
        let app = only(
            "import uvicorn\nfrom fastapi import FastAPI\n# app = FastAPI()\napi = FastAPI(title='x')\n\n\
             if __name__ == '__main__':\n    uvicorn.run('main:api', host='0.0.0.0', port=8001, reload=True)\n",
        );
        assert_eq!(
            (app.object.as_str(), app.factory, app.line),
            ("api", false, 4)
        );
        let port = app.port.unwrap();
        assert_eq!((port.number, port.variable), (Some(8001), None));
        assert_eq!(port.because.line, Some(7));
        assert!(app.reload && app.documented);
    }

    #[test]
    fn a_port_of_the_environment_names_its_variable() {
        let app = only(
            "app = FastAPI(docs_url=None)\nuvicorn.run(app, port=int(os.environ.get(\"API_PORT\", 9000)))\n",
        );
        let port = app.port.unwrap();
        assert_eq!(
            (port.number, port.variable.as_deref()),
            (Some(9000), Some("API_PORT"))
        );
        assert!(!app.documented);
        let app = only(
            "PORT = int(os.getenv('PORT') or 8300)\napp = Flask(__name__)\napp.run(port=PORT)\n",
        );
        let port = app.port.unwrap();
        assert_eq!(
            (port.number, port.variable.as_deref()),
            (Some(8300), Some("PORT"))
        );
    }

    #[test]
    fn a_factory_is_found_by_what_it_makes() {
        let app = only(
            "def create_app(config=None) -> Flask:\n    app = Flask(__name__)\n    return app\n",
        );
        assert_eq!((app.object.as_str(), app.factory), ("create_app", true));
        assert_eq!(
            apps("def create_app(config):\n    return Flask(__name__)\n"),
            []
        );
    }

    #[test]
    fn an_object_that_a_factory_made_comes_before_the_factory() {
        let app = only("def make():\n    return FastAPI()\n\nserver: FastAPI = make()\n");
        assert_eq!(
            (app.object.as_str(), app.factory, app.line),
            ("server", false, 4)
        );
    }

    #[test]
    fn what_is_mounted_is_served_by_the_other() {
        let app = only("app = FastAPI()\nsub = FastAPI()\napp.mount('/sub', sub)\n");
        assert_eq!(app.object, "app");
        let app = only(
            "api = FastAPI()\nsio = socketio.AsyncServer()\nasgi = socketio.ASGIApp(sio, other_asgi_app=api)\n",
        );
        assert_eq!(app.object, "asgi");
    }

    #[test]
    fn a_class_or_a_method_is_no_factory() {
        assert_eq!(
            apps("class Server:\n    def build(self):\n        self.app = FastAPI()\n"),
            []
        );
        assert_eq!(
            apps("def f():\n    pass\n\nclass S:\n    app = FastAPI()\n"),
            []
        );
    }

    #[test]
    fn pages_are_found_by_their_calls() {
        let app = only("import streamlit as st\nst.title('x')\n");
        assert_eq!(app.framework, Framework::Streamlit);
        assert_eq!(
            apps("import streamlit as st\ndef card():\n    st.write('x')\n"),
            []
        );
        let app =
            only("import gradio as gr\ndemo = gr.Interface(f)\ndemo.launch(server_port=7861)\n");
        assert_eq!(
            (app.framework, app.port.unwrap().number),
            (Framework::Gradio, Some(7861))
        );
        let app = only("import grpc\nserver.add_insecure_port('[::]:50052')\n");
        assert_eq!(
            (app.framework, app.port.unwrap().number),
            (Framework::Grpc, Some(50052))
        );
    }
}

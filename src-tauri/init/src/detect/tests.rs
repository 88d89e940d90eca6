//! Detection accepts any text in a file: nothing in it stops the search or makes it slow.

#![expect(
    clippy::disallowed_methods,
    reason = "it measures how long detection takes, and reads its own source"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::select};

use super::{DETECTORS, Finds, Host, Listing, look, pattern};
use crate::draft::render;
use pilotlight::{env::Env, stack_file};

/// The files that detectors read, one of each kind.
const FILES: [&str; 40] = [
    "Cargo.toml",
    "Dockerfile",
    "Gemfile",
    "Makefile",
    "Pipfile",
    "README.md",
    "Rocket.toml",
    ".air.toml",
    ".env",
    ".flaskenv",
    ".streamlit/config.toml",
    "Api.csproj",
    "Program.cs",
    "Properties/launchSettings.json",
    "api/main.py",
    "api/__init__.py",
    "api/routes.py",
    "artisan",
    "bootstrap/app.php",
    "build.gradle.kts",
    "cmd/server/main.go",
    "composer.json",
    "config.ru",
    "config/dev.exs",
    "config/puma.rb",
    "config/routes.rb",
    "config/settings.py",
    "config/urls.py",
    "environment.yml",
    "go.mod",
    "main.go",
    "manage.py",
    "mix.exs",
    "pom.xml",
    "public/index.php",
    "pyproject.toml",
    "requirements.txt",
    "src/main.rs",
    "src/main/java/App.java",
    "src/main/resources/application.yml",
];

/// Words that detectors search for, so that arbitrary texts reach far into them.
const WORDS: [&str; 80] = [
    "app",
    " = ",
    "FastAPI(",
    "Flask(__name__)",
    "def create_app(",
    "):\n",
    "    return ",
    "uvicorn.run(",
    "port=",
    "8000",
    "99999",
    "0",
    "os.getenv(\"PORT\"",
    ", ",
    ")",
    "(",
    "\"",
    "'",
    "\n",
    "\\",
    "#",
    "//",
    "/*",
    "*/",
    "\"\"\"",
    "é",
    "🔥",
    "@app.get(\"/health\")",
    "include_router(router, prefix=",
    "router = APIRouter(",
    "from . import x",
    "import streamlit as st\nst.x",
    "Celery(",
    "beat_schedule",
    "uvicorn a.b:c --port ",
    "cd x && ",
    "celery -A x worker",
    "[package]\nname = \"x\"\n",
    "[dependencies]\naxum = \"1\"\n",
    "[[bin]]\n",
    "axum::serve(",
    "fn main() {",
    ".route(\"/health\", ",
    "TcpListener::bind(\"0.0.0.0:",
    "package main\n",
    "func main() {",
    "ListenAndServe(\":8080\"",
    "flag.Int(\"port\", ",
    "os.Getenv(\"PORT\")",
    "`env:\"PORT\"",
    "module x\n",
    "@SpringBootApplication",
    "server:\n  port: ",
    "${PORT:1}",
    "<artifactId>",
    "<!--",
    "-->",
    "Microsoft.NET.Sdk.Web\"",
    "{ \"profiles\": { \"http\": { \"commandName\": \"Project\" } } }",
    "app.Run(\"http://x:1\")",
    "gem \"rails\"",
    "get \"up\" => \"rails/health#show\"",
    "port ENV.fetch(\"PORT\", 1)",
    "{:phoenix, ",
    "Endpoint",
    "port: ",
    "\"require\": {",
    "laravel/framework",
    "health: '/up',",
    "PORT=",
    "execute_from_command_line",
    "django",
    "path(\"health\", x)",
    "admin.site.urls",
    "name: x",
    "- redis",
    "[tool.uv]",
    "{",
    "}",
    "-",
];

/// The number of cases: enough to reach far in a short time.
const CASES: u32 = 256;

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => select(&WORDS[..]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => any::<String>(),
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

fn listing(files: &[(&str, String)]) -> Listing {
    let mut listing = Listing::new("any", Host::default());
    for (path, text) in files {
        listing.add(*path, Some(text));
    }
    listing
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_project_with_any_texts_gets_a_valid_stack_file(
        files in proptest::collection::vec((select(&FILES[..]), text()), 1..8),
    ) {
        let draft = look(&listing(&files));
        if !draft.services.is_empty() {
            let written = render(&draft);
            let read = stack_file::parse(Path::new("/x/pilotlight.toml"), written.as_bytes(), &Env::new());
            prop_assert!(read.is_ok(), "{:?}\n{written}", read.err());
        }
    }
}

/// Each file is full of the words that its detector searches for.
#[test]
fn a_file_full_of_known_words_takes_time_in_its_length_only() {
    for word in [
        "app = FastAPI(",
        "def create_app(",
        "uvicorn.run(",
        "@router.get(\"/health\")\n",
        "x.include_router(y, prefix=z)\n",
        "from a import b\n",
        "uvicorn a:b\n",
        "os.Getenv(\"PORT\")\n",
        "ListenAndServe(\n",
        "func main()\npackage main\n",
        "var(\"PORT\")",
        "TcpListener::bind(",
        "MapGet(\"/health\"\n",
        "get \"up\" => \"rails/health#show\"\n",
        "{:phoenix, ",
        "port: Endpoint config ",
        "\"\"\"",
        "/*",
        "'",
        "<!--",
        "a:\n",
        "(",
        "celery -A x worker\n",
        "redis==1\n",
        "[[bin]]\nname = 'x'\n",
    ] {
        let text = word.repeat((64 << 10) / word.len());
        let files: Vec<(&str, String)> = FILES.iter().map(|file| (*file, text.clone())).collect();
        let listing = listing(&files);
        let start = Instant::now();
        for detect in DETECTORS {
            detect(&listing, &mut Finds::default());
        }
        let taken = start.elapsed();
        // Half a second in a debug build; the square of a length takes minutes.
        assert!(taken < Duration::from_secs(15), "{word:?} took {taken:?}");
    }
}

#[test]
fn many_projects_in_one_folder_take_little_time() {
    let mut files: Vec<(String, String)> = Vec::new();
    for number in 0..300 {
        let main = "from fastapi import FastAPI\nfrom .routes import router\napp = FastAPI()\napp.include_router(router)\n";
        let routes = "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/health')\ndef h(): ...\n";
        files.push((
            format!("s{number}/requirements.txt"),
            "fastapi\nredis\n".to_owned(),
        ));
        files.push((format!("s{number}/app/main.py"), main.to_owned()));
        files.push((format!("s{number}/app/routes.py"), routes.to_owned()));
        files.push((format!("g{number}/go.mod"), "module x\n".to_owned()));
        let go = "package main\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n";
        files.push((format!("g{number}/main.go"), go.to_owned()));
        files.push((
            format!("r{number}/Cargo.toml"),
            format!("[package]\nname = \"r{number}\"\n[dependencies]\naxum = \"1\"\n"),
        ));
        files.push((
            format!("r{number}/src/main.rs"),
            "fn main() { axum::serve(bind(\"0.0.0.0:3000\")) }\n".to_owned(),
        ));
    }
    let mut listing = Listing::new("many", Host::default());
    for (path, text) in &files {
        listing.add(path, Some(text));
    }
    let start = Instant::now();
    let draft = look(&listing);
    let taken = start.elapsed();
    assert!(draft.services.len() > 300, "{}", draft.services.len());
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}

#[test]
fn the_source_uses_each_list_of_words_and_no_other() {
    let lists: BTreeMap<String, String> = toml::from_str(include_str!("../words.toml")).unwrap();
    let call = pattern(r#"is_in\(\s*"(\w+)""#);
    let mut used = BTreeSet::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|it| it.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(path).unwrap();
            used.extend(call.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
    assert_eq!(used, lists.into_keys().collect());
}

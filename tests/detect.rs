//! The drafts for skeletons of real projects. A fixture is one text file in `tests/init/fixtures`: a few
//! lines about the computer, then the files of the project.
//!
//! ```text
//! name: shop
//! system: linux
//! programs: npm node redis-server
//! listening: 5432=postgres 11434
//! variables: OPENAI_API_KEY
//! -- package.json --
//! { … }
//! -- node_modules/ --
//! ```
//!
//! A path that ends in `/` is a folder that was not scanned; `-- path (not read) --` is a file of which
//! only the name is known.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test names the expected value"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use pilotlight::{env::Env, stack_file};
use pilotlight_init::{
    detect::{self, Host, Listing, System},
    draft::{Draft, DraftService, render},
    import,
};
use proptest::prelude::*;

/// All fixtures, read once.
static ALL: LazyLock<Vec<(String, Listing)>> = LazyLock::new(|| fixtures().into_iter().collect());

/// All fixtures, by name.
fn fixtures() -> BTreeMap<String, Listing> {
    let files = files_of("fixtures").into_iter();
    files.map(|file| (stem(&file), fixture(&file))).collect()
}

fn files_of(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/init")
        .join(folder);
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "txt"))
        .collect()
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

fn fixture(file: &PathBuf) -> Listing {
    let text = fs::read_to_string(file).unwrap();
    let mut host = Host::default();
    let mut name = stem(file);
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line
            .strip_prefix("-- ")
            .and_then(|line| line.strip_suffix(" --"))
        {
            files.push((path.to_owned(), String::new()));
        } else if let Some((_, text)) = files.last_mut() {
            text.push_str(line);
            text.push('\n');
        } else if let Some((key, value)) = line.split_once(':') {
            let words = value.split_whitespace().map(str::to_owned);
            match key {
                "name" => value.trim().clone_into(&mut name),
                "system" => {
                    host.system = match value.trim() {
                        "windows" => System::Windows,
                        "macos" => System::MacOs,
                        _ => System::Linux,
                    }
                }
                "programs" => host.programs = words.collect(),
                "variables" => host.variables = words.collect(),
                "listening" => host.listening = words.map(|word| listener(&word)).collect(),
                "expect" => {}
                other => panic!("{}: unknown `{other}`", file.display()),
            }
        }
    }
    let mut listing = Listing::new(name, host);
    for (path, text) in files {
        if let Some(folder) = path.strip_suffix('/') {
            listing.add_folder(folder);
        } else if let Some(path) = path.strip_suffix(" (not read)") {
            listing.add(path, None);
        } else {
            listing.add(path, Some(&text));
        }
    }
    listing
}

fn listener(word: &str) -> (u16, Option<String>) {
    match word.split_once('=') {
        Some((port, program)) => (port.parse().unwrap(), Some(program.to_owned())),
        None => (word.parse().unwrap(), None),
    }
}

/// Returns the draft with each possible answer, one at a time, and the name of the answer.
fn answers(draft: &Draft) -> Vec<(String, Draft)> {
    let mut answers = vec![("as it is".to_owned(), draft.answered(&BTreeMap::new()))];
    for question in &draft.questions {
        for (number, choice) in question.choices.iter().enumerate() {
            let answer = BTreeMap::from([(question.id.clone(), number)]);
            let text = format!("{} {}", question.text, choice.label);
            answers.push((text, draft.answered(&answer)));
        }
    }
    let last = |question: &pilotlight_init::draft::Question| {
        (question.id.clone(), question.choices.len() - 1)
    };
    let all = draft.questions.iter().map(last).collect();
    answers.push(("the last choices".to_owned(), draft.answered(&all)));
    answers
}

/// The variables that are set on the computer of the fixture. No other variable may be read.
fn environment(listing: &Listing) -> Env {
    let variables = listing.host.variables.iter();
    variables.map(|name| (name, "set")).collect()
}

fn check(name: &str, listing: &Listing, draft: &Draft) {
    if draft.services.is_empty() {
        return;
    }
    let text = render(draft);
    let file = Path::new("/project/pilotlight.toml");
    if let Err(report) = stack_file::parse(file, text.as_bytes(), &environment(listing)) {
        let report = miette::Report::new(report);
        panic!("{name}: {report:?}\n{text}");
    }
}

#[test]
fn every_answer_yields_a_valid_stack_file() {
    for (name, listing) in fixtures() {
        let draft = detect::look(&listing);
        for (answer, draft) in answers(&draft) {
            check(&format!("{name}, {answer}"), &listing, &draft);
        }
    }
}

#[test]
fn each_project_gets_its_stack_file() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("init/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for (name, listing) in fixtures() {
        let draft = detect::look(&listing);
        let mut text = render(&draft);
        for question in &draft.questions {
            writeln!(text, "\n? {}  [{}]", question.text, question.id).unwrap();
            for (number, choice) in question.choices.iter().enumerate() {
                let mark = if number == question.default { '*' } else { ' ' };
                writeln!(text, "{mark} {} ({})", choice.label, choice.likelihood).unwrap();
            }
        }
        insta::assert_snapshot!(name, text);
    }
}

/// Formats a service as in the table of shapes: name; command; folder; port; needs.
fn shown(service: &DraftService) -> String {
    let command = service.command.as_ref().map(|said| said.value.shown());
    let port = service.port.as_ref().map(|said| said.value.to_string());
    let needs = service.needs.iter().map(|need| need.value.service.as_str());
    format!(
        "{}; {}; {}; {}; {}",
        service.name,
        command.unwrap_or_default(),
        service.folder(),
        port.unwrap_or_default(),
        needs.collect::<Vec<_>>().join(", ")
    )
}

#[test]
fn each_shape_gets_exactly_its_services() {
    let mut wrong = String::new();
    for file in files_of("shapes") {
        let text = fs::read_to_string(&file).unwrap();
        let expected = text
            .lines()
            .filter_map(|line| line.strip_prefix("expect: "));
        let mut expected: Vec<String> = expected.map(|line| line.trim().to_owned()).collect();
        let listing = fixture(&file);
        let draft = import::draft(&listing).draft;
        check(&stem(&file), &listing, &draft);
        let mut found: Vec<String> = draft
            .services
            .iter()
            .map(|service| shown(service).trim().to_owned())
            .collect();
        expected.sort();
        found.sort();
        if found != expected {
            writeln!(wrong, "{}", stem(&file)).unwrap();
            for line in expected.iter().filter(|line| !found.contains(line)) {
                writeln!(wrong, "  missing {line}").unwrap();
            }
            for line in found.iter().filter(|line| !expected.contains(line)) {
                writeln!(wrong, "  found   {line}").unwrap();
            }
        }
        assert!(!render(&draft).contains("s3cret"), "{}", stem(&file));
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_question_has_at_least_two_answers_that_differ() {
    for (name, listing) in fixtures() {
        let draft = detect::look(&listing);
        for question in &draft.questions {
            assert!(question.choices.len() >= 2, "{name}: {question:?}");
            let made = |number: usize| {
                let answer = BTreeMap::from([(question.id.clone(), number)]);
                render(&draft.answered(&answer))
            };
            for number in (0..question.choices.len()).filter(|it| *it != question.default) {
                assert_ne!(made(number), made(question.default), "{name}: {question:?}");
            }
        }
    }
}

#[test]
fn no_secret_of_a_project_is_written() {
    let mut secrets = 0;
    for (name, listing) in fixtures() {
        let draft = detect::look(&listing);
        let written = render(&draft) + &serde_json::to_string(&draft).unwrap();
        // By convention, every secret of a fixture contains this.
        secrets += usize::from(listing.texts().any(|(_, text)| text.contains("s3cret")));
        assert!(!written.contains("s3cret"), "{name}");
    }
    assert!(secrets > 2, "the fixtures have secrets");
}

/// Returns a fixture with one damaged text: cut, doubled, or with odd characters.
fn damaged(listing: &Listing, file: usize, place: usize, with: &str) -> Listing {
    let mut damaged = Listing::new(listing.name.clone(), listing.host.clone());
    let count = listing.texts().count().max(1);
    let chosen = listing.texts().nth(file % count).map(|(path, _)| path);
    for path in listing.paths() {
        let Some(text) = listing.text(path) else {
            damaged.add(path, None);
            continue;
        };
        if Some(path) != chosen {
            damaged.add(path, Some(text));
            continue;
        }
        let mut at = place % (text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest = if with.is_empty() { "" } else { &text[at..] };
        damaged.add(path, Some(&format!("{}{with}{rest}", &text[..at])));
    }
    damaged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Files can be incomplete, or of another kind than their names suggest.
    #[test]
    fn a_damaged_project_gets_a_valid_stack_file_too(
        fixture in any::<prop::sample::Index>(),
        file in any::<usize>(),
        place in any::<usize>(),
        with in prop_oneof![
            Just(String::new()),
            any::<String>(),
            "[-{}\"'$:/@=#,.\\[\\]()0-9 \n]{1,12}",
            Just("ünï{ö}:99999".to_owned()),
        ],
    ) {
        let (name, listing) = fixture.get(&ALL[..]);
        let listing = damaged(listing, file, place, &with);
        let draft = detect::look(&listing);
        for (answer, draft) in answers(&draft) {
            check(&format!("{name}, {answer}"), &listing, &draft);
        }
    }
}

#[test]
fn a_hundred_thousand_files_are_scanned() {
    let mut listing = Listing::new("large", Host::default());
    for app in 0..50 {
        let manifest = r#"{"scripts":{"dev":"vite"},"devDependencies":{"vite":"5"}}"#;
        listing.add(format!("apps/app{app}/package.json"), Some(manifest));
        for file in 0..2_000 {
            listing.add(
                format!("apps/app{app}/src/part{}/f{file}.ts", file % 40),
                None,
            );
        }
        for file in 0..40 {
            let text = "export const a = 1;\nfetch('http://localhost:4000');\n".repeat(40);
            listing.add(format!("apps/app{app}/src/s{file}.ts"), Some(&text));
        }
    }
    // A quadratic algorithm would take minutes here.
    let draft = detect::look(&listing);
    assert_eq!(draft.services.len(), 50);
    check("large", &listing, &draft);
}

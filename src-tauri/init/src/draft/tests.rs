//! What rendering and merging promise, whatever is in a draft.

use std::{collections::BTreeSet, path::Path};

use proptest::prelude::*;

use super::*;
use pilotlight::{
    effects::remedy::Line,
    env::Env,
    stack::{Command, Need, Stack},
    stack_file,
};

fn file() -> &'static Path {
    Path::new("/project/pilotlight.toml")
}

fn read(text: &str) -> Stack {
    match stack_file::parse(file(), text.as_bytes(), &Env::new()) {
        Ok(stack) => stack,
        Err(report) => panic!("{report:?}\n{text}"),
    }
}

fn service(name: &str, words: &[&str]) -> DraftService {
    let because = Origin::line("a.json", 3, "a script");
    let mut service = DraftService::new(name, Kind::Backend, because.clone());
    service.command = Some(because.says(CommandLine::words(words.iter().copied())));
    service
}

fn needing(mut service: DraftService, other: &str) -> DraftService {
    let needed = Needed {
        service: other.to_owned(),
        until: Need::Ready,
    };
    service.needs.push(Origin::known("asks it").says(needed));
    service
}

fn on(mut service: DraftService, port: u16) -> DraftService {
    service.port = Some(Origin::known("the usual").says(port));
    service
}

fn draft(services: Vec<DraftService>) -> Draft {
    Draft {
        name: "shop".to_owned(),
        services,
        ..Draft::default()
    }
}

proptest! {
    /// Names of packages and folders, arguments and values can be any text.
    #[test]
    fn any_text_is_written_as_a_valid_stack_file(
        names in prop::collection::vec(any::<String>(), 1..5),
        words in prop::collection::vec(any::<String>(), 1..5),
        value in any::<String>(),
        reason in any::<String>(),
    ) {
        let mut taken = BTreeSet::new();
        let because = Origin::line(&reason, 1, &reason);
        let mut words = words;
        words[0].insert(0, 'x');
        let services = names.iter().map(|name| {
            let name = service_name(name, &mut taken);
            let mut service = DraftService::new(name, Kind::Worker, because.clone());
            let words = words.iter().map(|word| plain(word));
            service.command = Some(because.says(CommandLine::words(words)));
            service.directory = Some(because.says(plain(&format!("in {value}"))));
            service.env.push(("VALUE".to_owned(), because.says(plain(&value))));
            service
        });
        let draft = Draft {
            name: stack_name(&value),
            services: services.collect(),
            questions: Vec::new(),
            unsaid: vec![LeftOut {
                what: reason.clone(),
                file: Some(value.clone()),
                line: Some(1),
                why: reason.clone(),
            }],
        };
        let stack = read(&render(&draft));
        prop_assert_eq!(stack.services.len(), names.len());
        for service in &stack.services {
            let Some(Command::Argv(read)) = &service.command else {
                panic!("it has words");
            };
            let read: Vec<String> = read
                .iter()
                .map(|word| word.render(&service.name, &stack))
                .collect();
            prop_assert_eq!(&read, &words);
            prop_assert_eq!(service.env["VALUE"].render(&service.name, &stack), value.clone());
        }
    }
}

#[test]
fn only_what_is_new_is_added_and_no_byte_changes() {
    let text = "# mine\r\nname = 'shop'\r\n[service.cache]\r\ncommand = \"redis-server\"\r\nport = 6379 # dear";
    let redis = on(
        service("redis", &["redis-server", "--port", "{port}"]),
        6379,
    );
    let api = on(needing(service("api", &["node", "api.js"]), "redis"), 4000);
    let merged = merge(file(), text, &draft(vec![redis, api]), &Env::new()).unwrap();
    assert!(merged.text.starts_with(text), "{}", merged.text);
    assert_eq!(merged.added, ["api"]);
    let stack = read(&merged.text);
    // The file calls it something else.
    let needs: Vec<String> = stack.services[1]
        .needs
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(needs, ["cache"]);
    let comes = merged
        .difference
        .iter()
        .filter(|line| matches!(line, Line::New(_)));
    assert!(comes.count() >= 5, "{:?}", merged.difference);
    assert!(
        !merged
            .difference
            .iter()
            .any(|line| matches!(line, Line::Old(..)))
    );
    let again = draft(vec![on(service("api", &["node", "api.js"]), 4000)]);
    let again = merge(file(), &merged.text, &again, &Env::new()).unwrap();
    assert_eq!((again.text, again.added.len()), (merged.text, 0));
}

#[test]
fn services_that_conflict_with_the_file_are_left_out_and_listed() {
    let text = "[service.web]\ncommand = \"x\"\ndirectory = \"other\"\nport = 4000\n";
    let api = on(service("api", &["node", "api.js"]), 4000);
    let worker = needing(service("worker", &["node", "worker.js"]), "api");
    let merged = merge(file(), text, &draft(vec![api, worker]), &Env::new()).unwrap();
    assert_eq!(merged.added, ["worker"]);
    assert_eq!(merged.left_out.len(), 1, "{:?}", merged.left_out);
    assert!(read(&merged.text).services[1].needs.is_empty());
}

#[test]
fn a_file_that_is_wrong_or_cannot_be_added_to_is_left_alone() {
    let new = draft(vec![service("api", &["y"])]);
    let merged = |text: &str| merge(file(), text, &new, &Env::new());
    assert!(matches!(merged("nmae = 1"), Err(MergeError::Before(_))));
    let on_one_line = "service = { web = { command = \"x\" } }";
    let added = merged(on_one_line);
    assert!(matches!(added, Err(MergeError::After(_))), "{added:?}");
}

#[test]
fn an_answer_can_be_taken_back() {
    let mut asked = draft(vec![
        needing(service("api", &["x"]), "mysql"),
        on(service("mysql", &["y"]), 3306),
    ]);
    let choice = |label: &str, changes| Choice {
        label: label.to_owned(),
        likelihood: 50,
        changes,
    };
    let other = on(service("mysql", &["z"]), 3307);
    let change = Change::Start {
        service: other.name.clone(),
        command: other.command.map(Box::new),
        port: other.port,
    };
    let put = Change::Put(Box::new(service("api", &["w"])));
    asked.questions.push(Question {
        id: "database".to_owned(),
        text: "Which?".to_owned(),
        choices: vec![
            choice("y", Vec::new()),
            choice("z", vec![change]),
            choice("w", vec![put]),
        ],
        default: 0,
    });
    let answered = |number| asked.answered(&[("database".to_owned(), number)].into());
    let command = |draft: &Draft, name: &str| {
        let service = draft.service(name).unwrap();
        service.command.as_ref().unwrap().value.shown()
    };
    assert_eq!(command(&answered(1), "mysql"), "z");
    assert_eq!(
        answered(1)
            .service("mysql")
            .unwrap()
            .port
            .as_ref()
            .unwrap()
            .value,
        3307
    );
    assert_eq!(command(&answered(2), "api"), "w");
    assert_eq!(answered(2).service("api").unwrap().needs.len(), 1);
    assert_eq!(answered(0).services, asked.services);
}

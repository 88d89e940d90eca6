//! Hostile text. It must cause no panic, be answered in time, and have a position inside the file.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// Reads the text and verifies the invariants of the report.
fn read(text: &[u8]) -> Result<Stack, Report> {
    let result = parse_text(text);
    if let Err(report) = &result {
        assert!(!report.problems().is_empty());
        let shown_text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines: Vec<_> = shown_text.split(|byte| *byte == b'\n').collect();
        for problem in report.problems() {
            let place = problem.place().expect("a place");
            let line = lines.get(place.line - 1).expect("a line of the file");
            assert!(place.column <= line.len() + 1, "{place:?}");
            assert!(!problem.to_string().is_empty() && !problem.suggestion().is_empty());
        }
        let fancy = miette::GraphicalReportHandler::new();
        let mut shown = String::new();
        fancy
            .render_report(&mut shown, report)
            .expect("every place can be shown");
    }
    result
}

/// Generates parts of stack files, and text that breaks them.
fn token() -> impl Strategy<Value = String> {
    let tokens = [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "{{",
        "}}",
        "=",
        ",",
        ".",
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "#",
        "\n",
        "\r\n",
        "\\",
        "\\u{0}",
        "\\u0000",
        "${",
        "${HOME}",
        "{port}",
        "{redis.port}",
        "service",
        "service.a",
        "ready",
        "check",
        "needs",
        "command",
        "0",
        "-1",
        "99999999999999999999",
        "1e400",
        "nan",
        "true",
        "2026-01-09",
        "\"2s\"",
        "\"redis\"",
        "\"backend\"",
        "\"tcp\"",
        "\"log: (\"",
        "\u{feff}",
        "\u{202e}",
        "é",
        "\0",
        "external = true\n",
        "shell = true\n",
        "port = 6379\n",
        "needs = [\"frontend\"]\n",
        "[service.x]\n",
        "http = \"/\"\n",
    ];
    proptest::sample::select(tokens.to_vec()).prop_map(str::to_owned)
}

#[derive(Clone, Debug)]
enum Change {
    DeleteLine(Index),
    SwapLines(Index, Index),
    DoubleLine(Index),
    Insert(Index, String),
    Cut(Index, usize),
    Byte(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::DeleteLine),
        any::<(Index, Index)>().prop_map(|(a, b)| Change::SwapLines(a, b)),
        any::<Index>().prop_map(Change::DoubleLine),
        (any::<Index>(), token()).prop_map(|(at, token)| Change::Insert(at, token)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        any::<(Index, u8)>().prop_map(|(at, byte)| Change::Byte(at, byte)),
    ]
}

impl Change {
    fn apply(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        match self {
            Self::DeleteLine(at) => {
                lines.remove(at.index(lines.len()));
            }
            Self::SwapLines(a, b) => {
                let count = lines.len();
                lines.swap(a.index(count), b.index(count));
            }
            Self::DoubleLine(at) => {
                let at = at.index(lines.len());
                lines.insert(at, lines[at].clone());
            }
            Self::Insert(at, token) => {
                let at = at.index(text.len());
                text.splice(at..at, token.bytes());
                return;
            }
            Self::Cut(at, length) => {
                let at = at.index(text.len());
                text.drain(at..(at + length).min(text.len()));
                return;
            }
            Self::Byte(at, byte) => {
                let at = at.index(text.len());
                text[at] = *byte;
                return;
            }
        }
        *text = lines.concat();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_rejected_with_a_position(text in vec(any::<u8>(), 0..300)) {
        let _ = read(&text);
    }

    #[test]
    fn any_tokens_are_read_or_rejected_with_a_position(tokens in vec(token(), 0..60)) {
        let _ = read(tokens.concat().as_bytes());
    }

    #[test]
    fn a_damaged_stack_file_is_read_or_rejected_with_a_position(changes in vec(change(), 1..6)) {
        let mut text = DESIGN.as_bytes().to_vec();
        for change in &changes {
            change.apply(&mut text);
        }
        if let Ok(stack) = read(&text) {
            prop_assert!(!stack.services.is_empty());
            for service in &stack.services {
                prop_assert!(!service.ready.probes.is_empty());
                prop_assert!(service.needs.keys().all(|need| stack.service(need).is_some()));
            }
        }
    }
}

#[test]
fn nesting_that_would_overflow_the_stack_is_rejected() {
    let path = vec!["a"; 79].join(".");
    let nested = format!("{path} = {{ ").repeat(79) + "x = 1" + &" }".repeat(79);
    let many_brackets = format!("a = {}", "[".repeat(100_000));
    let many_dots = format!("a{} = 1", ".a".repeat(100_000));
    // The parser itself drops the second value of a key.
    for text in [
        &nested,
        &format!("{nested}\n{nested}"),
        &many_brackets,
        &many_dots,
    ] {
        let report = read(text.as_bytes()).unwrap_err();
        let kind = report.problems()[0].kind();
        assert!(matches!(kind, ProblemKind::TooDeep { .. }), "{kind:?}");
    }
}

/// A quarter of the maximum size, so that the tests are fast.
const LARGE: usize = SIZE_LIMIT / 4;

#[test]
fn a_large_hostile_file_is_rejected_in_time() {
    let long_chain = |count: usize| -> String {
        let services: Vec<_> = (0..count)
            .map(|n| {
                let next = (n + 1) % count;
                format!(
                    "[service.s{n}]
command=\"a\"
needs=[\"s{next}\"]
"
                )
            })
            .collect();
        services.concat()
    };
    let mut texts: Vec<String> = [
        "a={b={c=1}}\n",
        "[service.a]\nx=1\n",
        "= \n",
        "[",
        "\"",
        "a.",
        "[a.b.c]\n",
        "[[service.a.check]]\n",
        "#\n",
        "{",
        "a=",
        "\\u",
        "'''",
        "}",
        "=",
        "\n",
        "\r",
        "é",
        "[[",
    ]
    .iter()
    .map(|unit| unit.repeat(LARGE / unit.len()))
    .collect();
    texts.push(long_chain(5_000));
    // As many cycles as services, each as long as the chain up to its service.
    texts.push(long_chain(3_000).replace("needs=[", "needs=[\"s0\", \"s1\", \"s2000\", "));
    for part in ["{{{{{", "${A}", "{a}", "${", "\\t"] {
        let value = part.repeat(LARGE / part.len());
        texts.push(format!(
            "service.a.command = \"{value}\"\nservice.a.port = \"\""
        ));
        texts.push(format!("service.a.command = \"{value}{{\""));
    }
    for text in texts {
        let before = crate::host::clock::now().instant;
        read(text.as_bytes()).unwrap_err();
        let took = before.elapsed();
        // Far more than needed, far less than any quadratic algorithm would take.
        assert!(took.as_secs() < 20, "{took:?} for {text:.40}");
    }
}

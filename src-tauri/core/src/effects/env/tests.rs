use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;
use crate::{
    fs::project_file::TIME_LIMIT,
    stack::{Piece, Port, ServiceName, Template},
    stack_file,
};

/// Returns a service with this configuration, in a folder with these files.
fn service(says: &str, files: &[(&str, &[u8])]) -> (TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let text = format!("name = 'test'\n[service.web]\ncommand = 'web'\n{says}");
    let path = folder.path().join("pilotlight.toml");
    let stack = stack_file::parse(&path, text.as_bytes(), &Env::new()).unwrap();
    let service = stack.services[0].as_ref().clone();
    (folder, service)
}

/// Returns the environment, for synchronous tests.
fn environment(service: &Service, base: &Env, ports: &impl Ports) -> Result<Env, LaunchFault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let reading = super::environment(service, base, ports, TIME_LIMIT, None);
    runtime.unwrap().block_on(reading)
}

/// Every service has port 4000.
struct At4000;

impl Ports for At4000 {
    fn port_of(&self, _: &ServiceName) -> Option<Port> {
        Port::new(4000)
    }
}

/// No service has a port.
struct Nowhere;

impl Ports for Nowhere {
    fn port_of(&self, _: &ServiceName) -> Option<Port> {
        None
    }
}

fn base(variables: &[(&str, &str)]) -> Env {
    variables.iter().copied().collect()
}

fn value_of(environment: &Env, name: &str) -> Option<String> {
    let value = environment.get(name);
    value.map(|value| value.to_str().unwrap().to_owned())
}

/// Returns the value of `A` after a file with this text is read.
fn parsed(text: &str) -> String {
    let mut variables = base(&[("CALLER", "outside"), ("EMPTY", "")]);
    env_file::apply(text.as_bytes(), Path::new(".env"), &mut variables).unwrap();
    value_of(&variables, "A").unwrap()
}

/// Returns the line and the message of the error in this text.
fn refused(text: &[u8]) -> (usize, String) {
    match env_file::apply(text, Path::new(".env"), &mut Env::new()) {
        Err(LaunchFault::EnvFileInvalid {
            line: Some(line),
            message,
            ..
        }) => (line, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn later_sources_of_a_variable_win() {
    let (_folder, mut service) = service(
        "env_file = ['one.env', 'two.env']",
        &[
            ("one.env", b"B=one\nC=one\nD=one"),
            ("two.env", b"C=two\nD=two"),
        ],
    );
    service.env.insert("D".into(), Template::text("env"));
    let base = base(&[("A", "base"), ("B", "base"), ("C", "base"), ("D", "base")]);
    let environment = environment(&service, &base, &Nowhere).unwrap();
    let values = ["A", "B", "C", "D"].map(|name| value_of(&environment, name).unwrap());
    assert_eq!(values, ["base", "one", "two", "env"]);
}

#[test]
fn the_claimed_port_is_in_port_unless_the_file_says_otherwise() {
    let inherited = base(&[("PORT", "1")]);
    let port = |service: &Service, ports: &dyn Fn() -> Option<Port>| {
        struct Claimed(Option<Port>);
        impl Ports for Claimed {
            fn port_of(&self, _: &ServiceName) -> Option<Port> {
                self.0
            }
        }
        let environment = environment(service, &inherited, &Claimed(ports())).unwrap();
        value_of(&environment, "PORT").unwrap()
    };
    let claimed = || Port::new(4000);
    let (_folder, mut plain) = service("", &[]);
    assert_eq!(port(&plain, &claimed), "4000");
    assert_eq!(port(&plain, &|| None), "1");
    plain.env.insert("PORT".into(), Template::text("5000"));
    assert_eq!(port(&plain, &claimed), "5000");
    let (_folder, filed) = service("env_file = '.env'", &[(".env", b"PORT=6000")]);
    assert_eq!(port(&filed, &claimed), "6000");
}

#[test]
fn python_writes_at_once_unless_the_file_says_otherwise() {
    let (_folder, mut service) = service("", &[]);
    let value = |service: &Service| {
        let environment = environment(service, &base(&[("PYTHONUNBUFFERED", "")]), &Nowhere);
        value_of(&environment.unwrap(), "PYTHONUNBUFFERED").unwrap()
    };
    assert_eq!(value(&service), "1");
    service
        .env
        .insert("PYTHONUNBUFFERED".into(), Template::text(""));
    assert_eq!(value(&service), "");
}

#[test]
fn variables_of_an_outer_daemon_are_removed() {
    let (_folder, service) = service("", &[]);
    let base = base(&[
        ("PILOTLIGHT_SERVICE", "a/b/1"),
        ("PILOTLIGHT_OTHER", "x"),
        ("PILOTLIGHT_HOME", "/somewhere"),
        ("PILOTLIGHT", "mine"),
    ]);
    let environment = environment(&service, &base, &Nowhere).unwrap();
    let names: Vec<_> = environment
        .iter()
        .map(|(name, _)| name.to_str().unwrap())
        .collect();
    assert_eq!(names, ["PILOTLIGHT", "PILOTLIGHT_HOME", "PYTHONUNBUFFERED"]);
}

#[test]
fn ports_are_filled_in_the_values_of_env() {
    let (_folder, mut service) = service("", &[]);
    let url = Template::new(vec![
        Piece::Text("http://localhost:".into()),
        Piece::PortOf("backend".into()),
    ]);
    service.env.insert("API".into(), url);
    let environment = environment(&service, &Env::new(), &At4000).unwrap();
    assert_eq!(
        value_of(&environment, "API").unwrap(),
        "http://localhost:4000"
    );
}

#[test]
fn only_an_optional_env_file_may_be_missing() {
    let (folder, mut service) = service("env_file = '.env?'", &[]);
    assert!(environment(&service, &Env::new(), &Nowhere).is_ok());
    service.env_files[0].optional = false;
    assert_eq!(
        environment(&service, &Env::new(), &Nowhere),
        Err(LaunchFault::EnvFileMissing {
            path: folder.path().join(".env")
        })
    );
}

#[test]
fn an_unreadable_env_file_is_reported_with_its_path() {
    let (folder, mut service) = service("", &[]);
    service.env_files.push(EnvFile {
        path: folder.path().to_owned(),
        optional: true,
    });
    let fault = environment(&service, &Env::new(), &Nowhere).unwrap_err();
    let LaunchFault::EnvFileInvalid {
        path, line: None, ..
    } = fault
    else {
        panic!("{fault:?}");
    };
    assert_eq!(path, PathBuf::from(folder.path()));
}

#[test]
fn bare_values_end_with_the_line_or_a_comment() {
    assert_eq!(parsed("A=b"), "b");
    assert_eq!(parsed("  export\tA = b c  \r\n"), "b c");
    assert_eq!(parsed("A="), "");
    assert_eq!(parsed("A=\nB=1"), "");
    assert_eq!(parsed("A=b # comment"), "b");
    assert_eq!(parsed("A=b\t# comment"), "b");
    assert_eq!(parsed("A= # comment"), "");
    assert_eq!(parsed("A=b#c"), "b#c");
    assert_eq!(parsed("A=b=c"), "b=c");
    assert_eq!(parsed("# A=1\n\n   # x\nA=2"), "2");
    assert_eq!(parsed("A=1\nA=2"), "2");
    assert_eq!(parsed("A=it's"), "it's");
    assert_eq!(parsed("A=C:\\new"), "C:\\new");
    assert_eq!(parsed("export=1\nA=${export}"), "1");
    assert_eq!(parsed("\u{feff}A=ä"), "ä");
}

#[test]
fn quotes_keep_blanks_comments_and_lines() {
    assert_eq!(parsed(r#"A=" b # c ""#), " b # c ");
    assert_eq!(parsed("A=' b # c ' # comment"), " b # c ");
    assert_eq!(parsed("A=`it's \"so\"`"), "it's \"so\"");
    assert_eq!(parsed("A=\"one\ntwo\"\r\nB=1"), "one\ntwo");
    assert_eq!(parsed("A=\"one\r\ntwo\""), "one\ntwo");
    assert_eq!(parsed("A='one\ntwo'"), "one\ntwo");
    assert_eq!(parsed("A=''"), "");
}

#[test]
fn only_double_quotes_support_escapes() {
    assert_eq!(parsed(r#"A="a\nb\tc\"d\\e\$f\x""#), "a\nb\tc\"d\\e$f\\x");
    assert_eq!(parsed(r"A='a\nb\\'"), r"a\nb\\");
    assert_eq!(parsed(r#"A="\\""#), "\\");
    assert_eq!(parsed(r#"A="\${CALLER}""#), "${CALLER}");
}

#[test]
fn references_see_earlier_lines_and_the_caller() {
    assert_eq!(parsed("A=${CALLER}!"), "outside!");
    assert_eq!(parsed("CALLER=inside\nA=\"${CALLER}\""), "inside");
    assert_eq!(parsed("A=${LATER}\nLATER=1"), "");
    assert_eq!(parsed("A='${CALLER}'"), "${CALLER}");
    assert_eq!(
        parsed("A=${NONE:-a b}${EMPTY:-c}${EMPTY-d}${NONE-e-f}"),
        "a bce-f"
    );
    assert_eq!(parsed("A=pa$$word$CALLER"), "pa$$word$CALLER");
    assert_eq!(parsed("A=${CALLER"), "${CALLER");
}

#[test]
fn errors_name_their_line_and_no_value() {
    assert_eq!(refused(b"A=1\nB"), (2, "has no `=` after `B`".into()));
    assert_eq!(
        refused(b"A=1\n\n=secret"),
        (3, "is not of the form NAME=value".into())
    );
    assert_eq!(
        refused(b"1A=secret"),
        (1, "is not of the form NAME=value".into())
    );
    assert_eq!(refused(b"A: secret"), (1, "has no `=` after `A`".into()));
    assert_eq!(
        refused(b"A='one\n\ntwo'\nB=\"secret\n\n"),
        (4, "has an unclosed \"".into())
    );
    assert_eq!(
        refused(b"A=\"x\"secret"),
        (1, "has text after the closing \"".into())
    );
    assert_eq!(refused(b"A=1\nB=\xff"), (2, "is not UTF-8".into()));
}

mod requirements {
    use super::*;

    /// A placeholder for the path of the test service.
    const PROGRAM: &str = "PROGRAM";

    async fn fault_of_program(says: &str) -> Option<(String, String)> {
        let program = pilotlight_test_service::path().display().to_string();
        fault_of(&says.replace(PROGRAM, &program), &[]).await
    }

    async fn fault_of(says: &str, variables: &[(&str, &str)]) -> Option<(String, String)> {
        let (_folder, service) = service(&format!("require = {says}"), &[("main.py", b"")]);
        let mut environment = Env::of_this_process();
        for (name, value) in variables {
            environment.set(name, value);
        }
        match require(&service, &environment, &Nowhere).await {
            Ok(()) => None,
            Err(LaunchFault::RequirementMissing { what, detail }) => Some((what, detail.unwrap())),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn files_start_at_the_folder_of_the_service() {
        assert_eq!(fault_of("{ files = ['main.py'] }", &[]).await, None);
        let (what, _) = fault_of("{ files = ['main.py', 'app/x.py'] }", &[])
            .await
            .unwrap();
        assert_eq!(
            what,
            format!("the file {}", Path::new("app/x.py").display())
        );
    }

    #[tokio::test]
    async fn a_variable_must_be_set_and_not_empty() {
        let says = "{ env = ['PL_TEST_KEY'] }";
        assert_eq!(fault_of(says, &[("PL_TEST_KEY", "x")]).await, None);
        let what = "the variable `PL_TEST_KEY`".to_owned();
        assert_eq!(
            fault_of(says, &[]).await,
            Some((what.clone(), "it is not set".into()))
        );
        assert_eq!(
            fault_of(says, &[("PL_TEST_KEY", "")]).await,
            Some((what, "it is empty".into()))
        );
    }

    #[tokio::test]
    async fn a_command_must_exit_with_0_or_its_last_line_is_the_reason() {
        let good = format!("['{PROGRAM}', '--exit', '0']");
        let bad =
            format!("['{PROGRAM}', '--print', 'one', '--print', 'no such module', '--exit', '3']");
        let (what, detail) = fault_of_program(&format!("{{ commands = [{good}, {bad}] }}"))
            .await
            .unwrap();
        assert!(
            what.ends_with("--print 'no such module' --exit 3`"),
            "{what}"
        );
        assert_eq!(detail, "no such module");
        let silent = format!("['{PROGRAM}', '--exit', '3']");
        let (_, detail) = fault_of_program(&format!("{{ commands = [{silent}] }}"))
            .await
            .unwrap();
        assert_eq!(detail, "it exited with code 3");
        assert_eq!(
            fault_of_program(&format!("{{ commands = [{good}] }}")).await,
            None
        );
    }

    #[tokio::test]
    async fn a_missing_command_is_a_missing_requirement() {
        let says = "{ commands = ['no-such-program-anywhere'] }";
        let (what, detail) = fault_of(says, &[]).await.unwrap();
        assert_eq!(what, "the command `no-such-program-anywhere`");
        assert_eq!(detail, "command not found: `no-such-program-anywhere`");
    }
}

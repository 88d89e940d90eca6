//! A container engine for the tests, with images that are built from files of this system, so that nothing
//! is pulled. It exits with the tests.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use pilotlight::env::Env;
use pilotlight_test_service::free_port;

/// The engine runs as long as the standard input of this script is open. An engine leaves the bridges of
/// its networks behind, of which a machine can have about thirty.
const SCRIPT: &str = r#"
dockerd --data-root "$1/data" --exec-root "$1/exec" --host "unix://$1/sock" --host "tcp://$2" --pidfile "$1/pid" >"$1/log" 2>&1 <&- &
engine=$!
cat >/dev/null
export DOCKER_HOST="unix://$1/sock"
docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1
docker network prune --force >/dev/null 2>&1
kill $engine
wait $engine
rm -rf "$1"
"#;

/// The time limit for its start on a busy machine.
const START: Duration = Duration::from_mins(1);

struct Engine {
    folder: PathBuf,
    /// Its address for clients on other machines.
    far: String,
    _script: Child,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::start);

impl Engine {
    fn start() -> Self {
        // The path of a socket is short.
        let folder = PathBuf::from(format!("/tmp/pl-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut script = Command::new("sh");
        let far = format!("127.0.0.2:{}", free_port());
        script.args(["-c", SCRIPT, "engine"]).arg(&folder).arg(&far);
        let script = script.stdin(Stdio::piped()).spawn().expect("a shell");
        let engine = Self {
            folder,
            far,
            _script: script,
        };
        let began = Instant::now();
        while !engine.docker(&["version"]).status.success() {
            assert!(
                began.elapsed() < START,
                "no container engine can be started; `cargo xtask setup` installs docker.io, and \
                 dockerd needs root. Its log:\n{}",
                fs::read_to_string(engine.folder.join("log")).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(50));
        }
        engine.make_images();
        engine
    }

    fn docker(&self, arguments: &[&str]) -> std::process::Output {
        Command::new("docker")
            .args(arguments)
            .env("DOCKER_HOST", self.host())
            .output()
            .expect("the docker command")
    }

    fn host(&self) -> String {
        format!("unix://{}/sock", self.folder.display())
    }

    fn make_images(&self) {
        let root = self.folder.join("images");
        let busybox = root.join("busybox");
        add_busybox(&busybox);
        self.import(&busybox, "local/busybox:1", &["CMD [\"sh\"]"]);

        let redis = root.join("redis");
        add_busybox(&redis);
        add_program(&redis, Path::new("/usr/bin/redis-server"));
        add_program(&redis, Path::new("/usr/bin/redis-cli"));
        let entry = r#"ENTRYPOINT ["redis-server", "--save", "", "--protected-mode", "no"]"#;
        let check = "HEALTHCHECK --interval=1s --timeout=2s CMD redis-cli ping";
        self.import(&redis, "local/redis:7", &[entry, check]);

        let postgres = root.join("postgres");
        add_busybox(&postgres);
        add_postgres(&postgres);
        let entry = r#"ENTRYPOINT ["/bin/sh", "/start.sh"]"#;
        let changes = [entry, "USER 999", "VOLUME /data", "EXPOSE 5432"];
        self.import(&postgres, "local/postgres:15", &changes);
        let _ = fs::remove_dir_all(root);
    }

    fn import(&self, root: &Path, name: &str, changes: &[&str]) {
        let mut archive = Command::new("tar");
        archive.arg("-C").arg(root).args(["-c", "."]);
        let mut archive = archive.stdout(Stdio::piped()).spawn().expect("tar");
        let mut import = Command::new("docker");
        import.arg("import").env("DOCKER_HOST", self.host());
        import.args(changes.iter().flat_map(|change| ["--change", change]));
        let import = import
            .args(["-", name])
            .stdin(archive.stdout.take().expect("a pipe"));
        let import = import.output().expect("the docker command");
        assert!(import.status.success(), "{import:?}");
        assert!(archive.wait().expect("tar").success());
    }
}

/// Runs the `docker` command, which must succeed, and returns its output.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = ENGINE.docker(arguments);
    assert!(output.status.success(), "docker {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Returns the host and the port at which the engine is reached as if it were on another machine.
pub(crate) fn far() -> &'static str {
    &ENGINE.far
}

/// Makes an image of a folder.
pub(crate) fn import(root: &Path, name: &str, changes: &[&str]) {
    ENGINE.import(root, name, changes);
}

/// Returns the variables of a user of the engine.
pub(crate) fn variables() -> Env {
    let mut variables = Env::of_this_process();
    variables.set("DOCKER_HOST", ENGINE.host());
    variables
}

pub(crate) fn add_busybox(root: &Path) {
    for folder in ["bin", "tmp", "data", "etc"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new);
    let busybox = busybox.into_iter().find(|path| path.exists());
    let busybox = busybox.expect("busybox-static, which `cargo xtask setup` installs");
    fs::copy(busybox, root.join("bin/busybox")).expect("a copy");
    for name in ["sh", "sleep", "echo", "nc", "seq", "cat", "rm", "tail"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).expect("a link");
    }
}

/// Adds a program with its libraries and its loader.
fn add_program(root: &Path, program: &Path) {
    let libraries = Command::new("ldd").arg(program).output().expect("ldd");
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    let libraries = libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for file in libraries.map(Path::new).chain([program]) {
        let to = root.join(file.strip_prefix("/").expect("an absolute path"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(file, to).expect("a copy");
    }
}

fn add_postgres(root: &Path) {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL");
    let version = versions
        .flatten()
        .next()
        .expect("a version of PostgreSQL")
        .path();
    for program in ["postgres", "initdb"] {
        add_program(root, &version.join("bin").join(program));
    }
    let share = Path::new("/usr/share/postgresql").join(version.file_name().expect("a name"));
    for folder in [version.join("lib"), share, "/usr/share/zoneinfo".into()] {
        let to = root.join(folder.strip_prefix("/").expect("an absolute path"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        copy_folder(&folder, &to);
    }
    // Its modules have additional libraries.
    add_program(root, &version.join("lib/dict_snowball.so"));
    fs::write(
        root.join("etc/passwd"),
        "postgres:x:999:999::/data:/bin/sh\n",
    )
    .expect("a file");
    let bin = version.join("bin");
    let bin = bin.display();
    let start = format!(
        "[ -s /data/db/PG_VERSION ] || {bin}/initdb -D /data/db -A trust --no-sync >/dev/null || exit 1\n\
         echo 'host all all all trust' >>/data/db/pg_hba.conf\n\
         exec {bin}/postgres -D /data/db -F -c listen_addresses='*' -c unix_socket_directories=/tmp\n"
    );
    let mut file = fs::File::create(root.join("start.sh")).expect("a file");
    file.write_all(start.as_bytes()).expect("a script");
    run(
        "chown",
        [OsStr::new("999:999"), root.join("data").as_os_str()],
    );
    run("chmod", [OsStr::new("777"), root.join("tmp").as_os_str()]);
}

fn copy_folder(from: &Path, to: &Path) {
    run("cp", [OsStr::new("-rL"), from.as_os_str(), to.as_os_str()]);
}

fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("a program").success(), "{program}");
}

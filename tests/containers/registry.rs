//! A registry of images on this machine, with one image, whose layer it sends in two halves.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::engine::{docker, import};

/// What the registry has, by path, with the type of each.
type Contents = BTreeMap<String, (&'static str, Vec<u8>)>;

pub(crate) struct Registry {
    /// The name of its image.
    pub(crate) image: String,
    second_half: Arc<(Mutex<bool>, Condvar)>,
}

impl Registry {
    /// Starts a registry with an image that the engine does not have.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let image = format!("127.0.0.1:{port}/local/pulled:1");
        let contents = Arc::new(contents(&image));
        let second_half: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let registry = Self {
            image,
            second_half: second_half.clone(),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (contents, second_half) = (contents.clone(), second_half.clone());
                // A client that asks in TLS first, or leaves, gets no answer.
                thread::spawn(move || answer(&stream, &contents, &second_half));
            }
        });
        registry
    }

    /// Sends the rest of the layer, from now on.
    pub(crate) fn send_all(&self) {
        *self.second_half.0.lock().expect("a lock") = true;
        self.second_half.1.notify_all();
    }

    /// Returns whether the engine has the image.
    pub(crate) fn is_pulled(&self) -> bool {
        !docker(&["images", "--quiet", &self.image]).is_empty()
    }
}

/// Takes a new image from the engine, in the form of a registry.
fn contents(image: &str) -> Contents {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    crate::engine::add_busybox(&root);
    // Content of its own, so that its layer is not one of another image.
    let own: Vec<u8> = image.bytes().cycle().take(4 << 20).collect();
    fs::write(root.join("own"), own).expect("a file");
    import(&root, image, &["CMD [\"sleep\", \"600\"]"]);
    let archive = folder.path().join("image.tar");
    docker(&["save", "--output", &archive.to_string_lossy(), image]);
    docker(&["rmi", image]);
    let saved = folder.path().join("saved");
    fs::create_dir(&saved).expect("a folder");
    let mut tar = Command::new("tar");
    let status = tar.arg("-C").arg(&saved).arg("-xf").arg(&archive).status();
    assert!(status.expect("tar").success());

    let read = |name: &Value| fs::read(saved.join(name.as_str().expect("a name"))).expect("a file");
    let listed: Value = serde_json::from_slice(&read(&json!("manifest.json"))).expect("JSON");
    let (config, layer) = (read(&listed[0]["Config"]), read(&listed[0]["Layers"][0]));
    let described = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "size": bytes.len(), "digest": name_of(bytes) });
    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": described("application/vnd.docker.container.image.v1+json", &config),
        "layers": [described("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let bytes = "application/octet-stream";
    let blob = |content: &[u8]| format!("/v2/local/pulled/blobs/{}", name_of(content));
    BTreeMap::from([
        ("/v2/".to_owned(), ("application/json", b"{}".to_vec())),
        (
            "/v2/local/pulled/manifests/1".to_owned(),
            (kind, manifest.clone()),
        ),
        (
            format!("/v2/local/pulled/manifests/{}", name_of(&manifest)),
            (kind, manifest),
        ),
        (blob(&config), (bytes, config)),
        (blob(&layer), (bytes, layer)),
    ])
}

/// Returns the name of a content: its hash.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let hex = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", hex.collect::<String>())
}

/// Answers one request. A large content comes in two halves.
fn answer(
    mut stream: &TcpStream,
    contents: &Contents,
    second_half: &(Mutex<bool>, Condvar),
) -> Option<()> {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let mut words = request.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    while !lines.next()?.ok()?.is_empty() {}
    let Some((kind, bytes)) = contents.get(path) else {
        let text = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(text.as_bytes()).ok();
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\n\
         Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n",
        bytes.len(),
        name_of(bytes)
    );
    stream.write_all(head.as_bytes()).ok()?;
    if method == "HEAD" {
        return Some(());
    }
    let half = if bytes.len() > 1 << 20 {
        bytes.len() / 2
    } else {
        0
    };
    stream.write_all(&bytes[..half]).ok()?;
    if half > 0 {
        let (may, changed) = second_half;
        let may = may.lock().ok()?;
        drop(changed.wait_while(may, |may| !*may).ok()?);
    }
    stream.write_all(&bytes[half..]).ok()
}

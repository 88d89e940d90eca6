//! The API of a container engine, spoken over its socket. Each request has its own connection.

use std::{io, process::Stdio, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::spawn_blocking,
    time::timeout,
};
use url::form_urlencoded;

use super::{
    Progress,
    endpoint::{self, Endpoint},
    pull::Layers,
    status::{Inspected, Status},
};
use crate::{
    effects::process::Usage,
    env::Env,
    model::container::{ContainerFault, Publisher, host_of_engine},
    platform::{local, program},
    stack::{Port, Service},
};

/// The time limit of a request that the engine answers at once.
const LIMIT: Duration = Duration::from_secs(10);
/// The time limit of a ping.
const ANSWER: Duration = Duration::from_secs(2);
/// The time limit of a request that waits for work of the engine.
const WORK: Duration = Duration::from_hours(2);
/// The maximum length of an answer.
const LONGEST: usize = 16 << 20;

/// A container engine. Cheap to clone; holds no connection.
#[derive(Clone, Debug)]
pub struct Engine {
    endpoint: Endpoint,
    /// The variables of the `docker` command that connects to it.
    variables: Arc<Env>,
}

/// An error response of the engine: its status and its message.
struct Refusal(u16, String);

impl Engine {
    /// Finds the engine for the user with these variables. Does not connect.
    pub async fn find(variables: &Env, context: Option<String>) -> Result<Self, ContainerFault> {
        let variables = Arc::new(variables.clone());
        let known = variables.clone();
        let finding = spawn_blocking(move || endpoint::find(&known, context.as_deref()));
        let endpoint = finding
            .await
            .unwrap_or(Err(ContainerFault::EngineMissing))?;
        Ok(Self {
            endpoint,
            variables,
        })
    }

    /// Finds the engine that runs the container of a service.
    pub async fn of(service: &Service, variables: &Env) -> Result<Self, ContainerFault> {
        let container = service.container.as_deref();
        let context = container.and_then(|container| container.docker_context.clone());
        Self::find(variables, context).await
    }

    /// Returns the engine at an address from [`Engine::address`].
    pub fn at(address: &str) -> Result<Self, ContainerFault> {
        Ok(Self {
            endpoint: endpoint::parse(address)?,
            variables: Arc::new(Env::of_this_process()),
        })
    }

    /// Returns its address, as in `DOCKER_HOST`.
    #[must_use]
    pub fn address(&self) -> String {
        self.endpoint.to_string()
    }

    /// Returns whether its published ports are those of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        host_of_engine(&self.address()) == "localhost"
    }

    /// Returns the variables with which a command talks to this engine.
    #[must_use]
    pub fn variables(&self, mut variables: Env) -> Env {
        variables.remove("DOCKER_CONTEXT");
        variables.remove("DOCKER_HOST");
        match &self.endpoint {
            Endpoint::Proxied {
                context: Some(context),
                ..
            } => variables.set("DOCKER_CONTEXT", context),
            endpoint => variables.set("DOCKER_HOST", endpoint.to_string()),
        }
        variables
    }

    /// Checks that it answers.
    pub async fn ping(&self) -> Result<(), ContainerFault> {
        done(self.ask("GET", "/_ping", None, ANSWER).await)
    }

    /// Returns the state of a container, by its identifier or name.
    pub async fn inspect(&self, container: &str) -> Result<Status, ContainerFault> {
        let path = format!("/containers/{container}/json");
        let inspected: Inspected = parsed(self.ask("GET", &path, None, LIMIT).await)?;
        Ok(inspected.status(self.address()))
    }

    /// Subscribes to the events of a container that change its [`Status`].
    pub async fn events(&self, container: &str) -> Result<Events, ContainerFault> {
        let filters = serde_json::json!({
            "type": ["container"],
            "container": [container],
            "event": ["die", "destroy", "oom", "start", "health_status"],
        });
        let path = with_query("/events", &[("filters", &filters.to_string())]);
        let request = self.send("GET", &path, None);
        let response = timeout(LIMIT, request).await;
        let response = response.unwrap_or_else(|_| Err(self.silent()))?;
        Ok(Events(response.into_body()))
    }

    /// Stops a container: sends the signal, or by default the container's stop signal, and kills it
    /// after `grace`. Returns when it has exited. Does nothing if it does not exist.
    pub async fn stop(
        &self,
        container: &str,
        signal: Option<&str>,
        grace: Duration,
    ) -> Result<(), ContainerFault> {
        if let Some(signal) = signal {
            let kill = format!("/containers/{container}/kill?signal={signal}");
            ended(self.ask("POST", &kill, None, LIMIT).await)?;
            let wait = format!("/containers/{container}/wait");
            if let Ok(waited) = timeout(grace, self.ask("POST", &wait, None, WORK)).await {
                return ended(waited);
            }
        }
        let grace = if signal.is_some() {
            Duration::ZERO
        } else {
            grace
        };
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let path = format!("/containers/{container}/stop?t={seconds}");
        ended(self.ask("POST", &path, None, WORK).await)
    }

    /// Removes a stopped container and keeps its volumes. Does nothing if it does not exist.
    pub async fn remove(&self, container: &str) -> Result<(), ContainerFault> {
        let path = format!("/containers/{container}?force=1");
        ended(self.ask("DELETE", &path, None, WORK).await)
    }

    /// Creates a container and returns its identifier.
    pub(super) async fn create(&self, name: &str, spec: &Value) -> Result<String, ContainerFault> {
        let path = with_query("/containers/create", &[("name", name)]);
        let created: Value = parsed(self.ask("POST", &path, Some(spec), WORK).await)?;
        Ok(created["Id"].as_str().unwrap_or_default().to_owned())
    }

    /// Starts a container. Does nothing if it is running.
    pub(super) async fn start(&self, container: &str) -> Result<(), ContainerFault> {
        let path = format!("/containers/{container}/start");
        done(self.ask("POST", &path, None, WORK).await)
    }

    /// Pulls an image. Dropping the future cancels the pull.
    pub(super) async fn pull(
        &self,
        image: &str,
        progress: &Progress,
    ) -> Result<(), ContainerFault> {
        let tagged = image
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains([':', '@']));
        let pairs = [("fromImage", image), ("tag", "latest")];
        let pairs = if tagged { &pairs[..1] } else { &pairs[..] };
        let path = with_query("/images/create", pairs);
        let missing = |message: &str| ContainerFault::ImageMissing {
            image: image.to_owned(),
            message: message.to_owned(),
        };
        let pulling = async {
            let mut response = self.send("POST", &path, None).await?;
            if !response.status().is_success() {
                let refused = self.whole(response).await?;
                return refused.map(drop).map_err(|refusal| missing(&refusal.1));
            }
            let (mut layers, mut text) = (Layers::default(), Vec::new());
            while let Some(frame) = response.body_mut().frame().await {
                let frame = frame.map_err(|error| self.broken(&error.to_string()))?;
                text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                while let Some(end) = memchr::memchr(b'\n', &text) {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let line: Value = serde_json::from_slice(&line).unwrap_or_default();
                    // A pull fails after its response has begun.
                    if let Some(message) = line["error"].as_str() {
                        return Err(missing(message));
                    }
                    layers.update(&line);
                }
                progress.send_replace(format!("pulling {image}: {layers}"));
            }
            Ok(())
        };
        timeout(WORK, pulling)
            .await
            .unwrap_or_else(|_| Err(self.silent()))
    }

    /// Returns the CPU and memory usage of a container, without waiting for a second sample.
    pub async fn usage(&self, container: &str) -> Result<Usage, ContainerFault> {
        let path = format!("/containers/{container}/stats?stream=false&one-shot=true");
        let stats: Value = parsed(self.ask("GET", &path, None, LIMIT).await)?;
        let memory = &stats["memory_stats"];
        // Files that the kernel may drop do not count, as `docker stats` has it: of cgroups 1 and 2.
        let of_files = ["total_inactive_file", "inactive_file"];
        let of_files = of_files
            .iter()
            .find_map(|key| memory["stats"][key].as_u64());
        let bytes = memory["usage"].as_u64().unwrap_or_default();
        let nanoseconds = stats["cpu_stats"]["cpu_usage"]["total_usage"].as_u64();
        Ok(Usage {
            memory_bytes: bytes.saturating_sub(of_files.unwrap_or_default()),
            cpu_time: Duration::from_nanos(nanoseconds.unwrap_or_default()),
        })
    }

    /// Returns the names of the volumes that a container mounts; none if it does not exist.
    pub(super) async fn mounted(&self, container: &str) -> Result<Vec<String>, ContainerFault> {
        let path = format!("/containers/{container}/json");
        let inspected: Value = match parsed(self.ask("GET", &path, None, LIMIT).await) {
            Err(ContainerFault::Gone) => return Ok(Vec::new()),
            inspected => inspected?,
        };
        let mounts = inspected["Mounts"].as_array().into_iter().flatten();
        let volumes = mounts.filter(|mount| mount["Type"] == "volume");
        let names = volumes.filter_map(|volume| volume["Name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Returns whether a volume exists.
    pub(super) async fn has_volume(&self, name: &str) -> Result<bool, ContainerFault> {
        let answer = self
            .ask("GET", &format!("/volumes/{name}"), None, LIMIT)
            .await?;
        Ok(answer.is_ok())
    }

    /// Removes a volume. Does nothing if it does not exist.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), ContainerFault> {
        let path = format!("/volumes/{name}");
        match self.ask("DELETE", &path, None, WORK).await? {
            Err(Refusal(404, _)) => Ok(()),
            answer => done(Ok(answer)),
        }
    }

    /// Returns the running container that publishes a port.
    pub async fn publisher(&self, port: Port) -> Result<Option<Publisher>, ContainerFault> {
        let containers: Vec<Value> =
            parsed(self.ask("GET", "/containers/json", None, LIMIT).await)?;
        let publishes = |container: &&Value| {
            let mut ports = container["Ports"].as_array().into_iter().flatten();
            ports.any(|published| published["PublicPort"] == port.number())
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(containers.iter().find(publishes).map(|container| {
            let labels = &container["Labels"];
            let project = labels["com.docker.compose.project"].as_str();
            let folder = labels["com.docker.compose.project.working_dir"].as_str();
            Publisher {
                id: text(&container["Id"]),
                name: text(&container["Names"][0])
                    .trim_start_matches('/')
                    .to_owned(),
                image: text(&container["Image"]),
                project: project.map(|project| (project.to_owned(), folder.unwrap_or("?").into())),
            }
        }))
    }

    /// Sends a request and returns the body of its answer, or the engine's refusal.
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>, limit: Duration) -> Answer {
        let asking = async { self.whole(self.send(method, path, body).await?).await };
        timeout(limit, asking)
            .await
            .unwrap_or_else(|_| Err(self.silent()))
    }

    /// Reads a whole answer: its body, or the engine's refusal.
    async fn whole(&self, response: Response<Incoming>) -> Answer {
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body
            .map_err(|error| self.broken(&error.to_string()))?
            .to_bytes();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(Ok(body));
        }
        let parsed: Option<Value> = serde_json::from_slice(&body).ok();
        let message = parsed.and_then(|value| Some(value["message"].as_str()?.to_owned()));
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Ok(Err(Refusal(status.as_u16(), message)))
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, ContainerFault> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "docker")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(text)));
        let request = request.map_err(|error| self.broken(&error.to_string()))?;
        match &self.endpoint {
            Endpoint::Local(path) => {
                let stream = local::dial(path)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                self.exchange(stream, request).await
            }
            Endpoint::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await;
                self.exchange(stream.map_err(|error| self.unreachable(&error))?, request)
                    .await
            }
            Endpoint::Proxied { .. } => {
                let stream = self.dial_through_docker();
                self.exchange(stream.map_err(|error| self.unreachable(&error))?, request)
                    .await
            }
        }
    }

    /// Connects to the engine with the `docker` command, which speaks SSH and TLS.
    fn dial_through_docker(
        &self,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        let environment = self.variables((*self.variables).clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "it only carries the bytes of one request, and is no service"
        )]
        let mut command = tokio::process::Command::new("docker");
        command
            .args(["system", "dial-stdio"])
            .env_clear()
            .envs(environment.iter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        program::hide(&mut command);
        // It exits when its input is closed.
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stdin.take());
        let (output, input) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(tokio::io::join(output, input))
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ContainerFault> {
        let broken = |error: hyper::Error| self.broken(&error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // It ends with the body of the response.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }

    fn unreachable(&self, error: &io::Error) -> ContainerFault {
        if error.kind() == io::ErrorKind::PermissionDenied {
            let address = self.address();
            return ContainerFault::EngineDenied { address };
        }
        self.broken(&error.to_string())
    }

    fn silent(&self) -> ContainerFault {
        self.broken("it does not answer")
    }

    fn broken(&self, message: &str) -> ContainerFault {
        ContainerFault::EngineDown {
            address: self.address(),
            message: message.to_owned(),
        }
    }
}

/// The events of a container.
#[derive(Debug)]
pub struct Events(Incoming);

impl Events {
    /// Waits for the next events; returns `false` when the connection has ended. Cancel-safe.
    pub async fn next(&mut self) -> bool {
        matches!(self.0.frame().await, Some(Ok(_)))
    }
}

fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{path}?{}", query.finish())
}

type Answer = Result<Result<Bytes, Refusal>, ContainerFault>;

fn done(answer: Answer) -> Result<(), ContainerFault> {
    accepted(answer).map(drop)
}

/// Returns the outcome of a request that ends a container. A container that does not exist, is not
/// running or is being removed counts as ended.
fn ended(answer: Answer) -> Result<(), ContainerFault> {
    match answer? {
        Err(Refusal(404 | 409, _)) => Ok(()),
        answer => done(Ok(answer)),
    }
}

fn accepted(answer: Answer) -> Result<Bytes, ContainerFault> {
    answer?.map_err(
        |Refusal(status, message)| match ContainerFault::of_text(&message) {
            ContainerFault::Refused { .. } if status == 404 => ContainerFault::Gone,
            fault => fault,
        },
    )
}

fn parsed<T: DeserializeOwned>(answer: Answer) -> Result<T, ContainerFault> {
    serde_json::from_slice(&accepted(answer)?).map_err(|error| ContainerFault::Refused {
        message: format!("the answer of the container engine cannot be read: {error}"),
    })
}

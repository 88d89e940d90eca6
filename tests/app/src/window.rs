//! The window of the application, driven through the system's driver for its webview.
//!
//! `WebKitWebDriver` starts the application. `tauri-driver` is not needed, since it only rewrites the
//! capabilities.

use std::{
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use pilotlight_test_service::free_port;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{DEADLINE, desktop::Desktop, display::Display, programs};

/// The window. The application exits with it.
pub struct Window {
    driver: Child,
    runtime: Runtime,
    client: Client,
}

impl Window {
    /// Starts the application with its window open.
    #[must_use]
    pub fn open(desktop: &Desktop) -> Self {
        let port = free_port();
        let mut driver = desktop.program("WebKitWebDriver".as_ref());
        driver
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            // Allows Tauri's webview to be driven.
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let driver = driver.spawn().expect("WebKitWebDriver");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let client = runtime.block_on(connect(port));
        Self {
            driver,
            runtime,
            client,
        }
    }

    /// Waits until an element of this `XPath` is visible.
    pub fn until(&self, path: &str) {
        self.until_script(path, "return found.length > 0");
    }

    /// Waits until no element of this `XPath` is visible.
    pub fn until_gone(&self, path: &str) {
        self.until_script(path, "return found.length === 0");
    }

    /// Waits until an element of this `XPath` can be clicked, and clicks it.
    pub fn click(&self, path: &str) {
        let end = Instant::now() + DEADLINE;
        self.runtime.block_on(async {
            loop {
                let clicked = match self.client.find(Locator::XPath(path)).await {
                    Ok(element) if element.is_enabled().await.unwrap_or(false) => {
                        element.click().await.map_err(|error| error.to_string())
                    }
                    Ok(_) => Err("it is disabled".to_owned()),
                    Err(error) => Err(error.to_string()),
                };
                let Err(error) = clicked else {
                    return;
                };
                let text = self.text_now().await;
                assert!(
                    Instant::now() < end,
                    "{path} cannot be clicked: {error}\n{text}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Clicks an element of this `XPath` that makes the application exit, so that no window can confirm the click.
    pub fn click_for_the_last_time(&self, path: &str) {
        self.until(path);
        let script = "const found = document.evaluate(arguments[0], document, null,
              XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue;
            setTimeout(() => found.click(), 0);";
        let click = self.client.execute(script, vec![json!(path)]);
        // The application may exit before it answers. The test checks whether it exits.
        drop(self.runtime.block_on(click));
    }

    /// Presses a key or types a text in the focused element.
    pub fn press(&self, keys: &str) {
        self.runtime.block_on(async {
            let element = self.client.active_element().await.expect("a focus");
            element.send_keys(keys).await.expect("a key");
        });
    }

    /// Returns all visible text.
    #[must_use]
    pub fn text(&self) -> String {
        self.runtime.block_on(self.text_now())
    }

    /// Runs a script and returns its result.
    #[must_use]
    pub fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        let value = self
            .runtime
            .block_on(self.client.execute(script, arguments));
        value.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Returns a picture of its screen once the page is drawn. (The driver's own screenshot never arrives if the page is
    /// painted without OpenGL.)
    pub fn picture(&self, display: &Display, file: &Path) {
        let drawn = "const done = arguments[0];
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));";
        let drawn = self.client.execute_async(drawn, Vec::new());
        self.runtime.block_on(drawn).expect("the drawn page");
        display.picture().save(file);
    }

    /// Runs a script in which `found` contains the visible elements of the `XPath`.
    fn until_script(&self, path: &str, judge: &str) {
        let script = format!(
            "const all = document.evaluate(arguments[0], document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
             const found = [];
             for (let at = 0; at < all.snapshotLength; at += 1) {{
               const element = all.snapshotItem(at);
               if (element.getClientRects().length > 0) found.push(element);
             }}
             {judge};"
        );
        let end = Instant::now() + DEADLINE;
        self.runtime.block_on(async {
            loop {
                // Between two pages the driver reports an error.
                let so = self.client.execute(&script, vec![json!(path)]).await;
                if so.is_ok_and(|so| so == json!(true)) {
                    return;
                }
                let text = self.text_now().await;
                assert!(
                    Instant::now() < end,
                    "not within {DEADLINE:?}: {path}, {judge}\n{text}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    async fn text_now(&self) -> String {
        let text = self
            .client
            .execute("return document.body.innerText", Vec::new())
            .await;
        match text {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

async fn connect(port: u16) -> Client {
    let Value::Object(capabilities) = json!({
        "browserName": "wry",
        "webkitgtk:browserOptions": { "binary": programs::app(), "args": ["--window"] },
    }) else {
        unreachable!("it is an object");
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities);
    let end = Instant::now() + DEADLINE;
    loop {
        match builder.connect(&format!("http://127.0.0.1:{port}")).await {
            Ok(client) => return client,
            // The driver may not be listening yet.
            Err(error) => assert!(Instant::now() < end, "no session with the window: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The application exits only with the session.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

//! The window of the application, driven through the system's own driver for its webview.
//!
//! `WebKitWebDriver` starts the application itself, as `tauri-driver` would have it do: that one only
//! rewrites the capabilities.

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

/// The window. The application ends with it.
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
            // What tells Tauri that its webview may be driven.
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

    /// Waits for what the `XPath` leads to, and is shown.
    pub fn until(&self, path: &str) {
        self.until_script(path, "return found.length > 0");
    }

    /// Waits until the `XPath` leads to nothing that is shown.
    pub fn until_gone(&self, path: &str) {
        self.until_script(path, "return found.length === 0");
    }

    /// Waits for what the `XPath` leads to, and clicks it once it can be.
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

    /// Clicks what the `XPath` leads to, where that ends the application: there is no window then that could say
    /// that it has been clicked.
    pub fn click_for_the_last_time(&self, path: &str) {
        self.until(path);
        let script = "const found = document.evaluate(arguments[0], document, null,
              XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue;
            setTimeout(() => found.click(), 0);";
        let click = self.client.execute(script, vec![json!(path)]);
        // The application may be gone before it has answered; whether it goes is for the test to see.
        drop(self.runtime.block_on(click));
    }

    /// Presses a key, or types a text, wherever the focus is.
    pub fn press(&self, keys: &str) {
        self.runtime.block_on(async {
            let element = self.client.active_element().await.expect("a focus");
            element.send_keys(keys).await.expect("a key");
        });
    }

    /// All that can be read in it.
    #[must_use]
    pub fn text(&self) -> String {
        self.runtime.block_on(self.text_now())
    }

    /// What a script returns.
    #[must_use]
    pub fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        let value = self
            .runtime
            .block_on(self.client.execute(script, arguments));
        value.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// A picture of the screen that it is on, once it has drawn what is in it now. (The driver's own never comes where
    /// the page is painted without OpenGL.)
    pub fn picture(&self, display: &Display, file: &Path) {
        let drawn = "const done = arguments[0];
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));";
        let drawn = self.client.execute_async(drawn, Vec::new());
        self.runtime.block_on(drawn).expect("what it has drawn");
        display.picture().save(file);
    }

    /// What the `XPath` leads to and is shown is `found` in the script.
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
                // Between two pages there is nothing to ask.
                let so = self.client.execute(&script, vec![json!(path)]).await;
                if so.is_ok_and(|so| so == json!(true)) {
                    return;
                }
                let text = self.text_now().await;
                assert!(
                    Instant::now() < end,
                    "it did not come to that: {path}, {judge}\n{text}"
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
            // The driver may not listen yet.
            Err(error) => assert!(Instant::now() < end, "no session with the window: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Only the end of the session ends the application.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

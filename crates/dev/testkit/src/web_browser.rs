//! Chromium with its driver, by the WebDriver protocol, JSON over HTTP: the crates for it bring a licence that we do
//! not accept, or a second HTTP client.

use std::fmt::Display;
use std::process::Stdio;
use std::time::Duration;

use ballet_stage::{Child, Children, program, wait_until};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const LONGEST_START: Duration = Duration::from_secs(60);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// It ends with this value.
#[derive(Debug)]
pub struct WebBrowser {
    _driver: Child,
    client: Client,
    at: String,
}

impl WebBrowser {
    /// Starts a browser. `None` if there is no `chromedriver` on the `PATH`.
    pub async fn start() -> Option<Self> {
        let program = program("chromedriver")?;
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let port = free.expect("a free port").port();
        let children = Children::new().expect("a watchdog");
        let port_argument = [format!("--port={port}")];
        let driver = children.start(&program, &port_argument, |command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        });
        let driver = driver.await.expect("a driver");
        let (client, at) = (Client::new(), format!("http://127.0.0.1:{port}"));
        let ready = wait_until("the driver of Chromium", LONGEST_START, || async {
            let answer = client.get(format!("{at}/status")).send().await;
            answer.map(|_| Some(())).map_err(|error| error.to_string())
        });
        ready.await.expect("the driver answers");
        // Chromium refuses to sandbox for root. The pages are ours.
        let arguments = [
            "--headless=new",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--no-sandbox",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let mut browser = Self { _driver: driver, client, at };
        let session = browser.ask(Method::POST, "/session", wanted).await.expect("a session");
        let id = session["sessionId"].as_str().unwrap_or_default();
        browser.at = format!("{}/session/{id}", browser.at);
        Some(browser)
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.at));
        let request = if method == Method::POST { request.json(&body) } else { request };
        let answer = request.send().await.map_err(|error| failed(path, &error))?;
        let answer = answer.json::<Value>().await.map_err(|error| failed(path, &error))?;
        let value = &answer["value"];
        match value["error"].as_str() {
            Some(error) => Err(failed(path, &format!("{error}: {}", value["message"]))),
            None => Ok(value.clone()),
        }
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) -> Result<(), String> {
        self.ask(Method::POST, "/url", json!({ "url": url })).await.map(drop)
    }

    async fn find(&self, selector: &str) -> Result<String, String> {
        let by = json!({ "using": "css selector", "value": selector });
        let found = self.ask(Method::POST, "/element", by).await?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned())
    }

    /// # Errors
    ///
    /// If there is no such element, or it cannot be clicked on.
    pub async fn click(&self, selector: &str) -> Result<(), String> {
        let element = self.find(selector).await?;
        self.ask(Method::POST, &format!("/element/{element}/click"), json!({})).await.map(drop)
    }

    /// Types into an element, in place of its text.
    ///
    /// # Errors
    ///
    /// If there is no such element, or nothing can be typed there.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<(), String> {
        let element = self.find(selector).await?;
        self.ask(Method::POST, &format!("/element/{element}/clear"), json!({})).await?;
        let text = json!({ "text": text });
        self.ask(Method::POST, &format!("/element/{element}/value"), text).await.map(drop)
    }

    /// Runs a script, and returns its result. The driver runs it, so the page's own policy does not matter.
    pub async fn run(&self, script: &str) -> Result<Value, String> {
        let body = json!({ "script": script, "args": [] });
        self.ask(Method::POST, "/execute/sync", body).await
    }

    /// Returns the text that a person sees.
    pub async fn text(&self) -> Result<String, String> {
        let text = self.run("return document.body.innerText").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Returns the messages on the browser's console since the last call: errors, and refusals by the page's policy.
    pub async fn complaints(&self) -> Result<Vec<String>, String> {
        let log = self.ask(Method::POST, "/se/log", json!({ "type": "browser" })).await?;
        let entries = log.as_array().into_iter().flatten();
        Ok(entries.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect())
    }

    /// Sets the size of the page, and its colour scheme.
    pub async fn look(&self, width: u16, height: u16, dark: bool) -> Result<(), String> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.tool("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if dark { "dark" } else { "light" };
        // So that no picture is taken amid an animation.
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.tool("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Takes a picture of the whole page, as PNG in base64.
    pub async fn picture(&self) -> Result<String, String> {
        let how = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.tool("Page.captureScreenshot", how).await?;
        Ok(picture["data"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns the accessibility tree, as a screen reader gets it.
    pub async fn for_screen_readers(&self) -> Result<Value, String> {
        Ok(self.tool("Accessibility.getFullAXTree", json!({})).await?["nodes"].clone())
    }

    async fn tool(&self, name: &str, parameters: Value) -> Result<Value, String> {
        let body = json!({ "cmd": name, "params": parameters });
        self.ask(Method::POST, "/goog/cdp/execute", body).await
    }

    /// Ends the session in order.
    pub async fn close(self) -> Result<(), String> {
        self.ask(Method::DELETE, "", Value::Null).await.map(drop)
    }
}

fn failed(what: &str, cause: &dyn Display) -> String {
    format!("the browser did not do {what}: {cause}; are chromium and chromedriver of one version?")
}

//! The page in a real browser: it asks nothing of any network, draws its charts, shows values under a pointer, a
//! finger and the keyboard, sorts its tables, and fits a phone, in light and in dark.
//!
//! Chromium is driven over its DevTools pipe: JSON messages that end in a zero byte, on descriptors 3 and 4.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use copycost::command::history::{HistoryArgs, HistoryFormat, run as write_history};
use copycost::command::report::{ReportArgs, run as write_report};
use copycost::report::Part;
use serde_json::{Value, json};
use support::past::{plain_run, run_of_day, speed_up};
use support::simulate::Simulation;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A headless Chromium with one page open.
struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// Addresses that the page asked for, in order.
    requests: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; absent where none is installed.
    fn start() -> Option<Self> {
        let found =
            |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
        let name = NAMES.into_iter().find(|name| found(name))?;
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 1>/dev/null 2>&1", "sh", name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (session, requests) = (None, Vec::new());
        let mut browser = Self { child, commands, answers, session, sent: 0, requests, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({}));
        browser.call("Network.enable", json!({}));
        Some(browser)
    }

    fn receive(&mut self) -> Value {
        let mut text = Vec::new();
        self.answers.read_until(0, &mut text).unwrap();
        assert_eq!(text.pop(), Some(0), "the browser closed its pipe");
        let message: Value = serde_json::from_slice(&text).unwrap();
        if message["method"] == "Network.requestWillBeSent" {
            self.requests.push(message["params"]["request"]["url"].as_str().unwrap().to_owned());
        }
        message
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut text = message.to_string().into_bytes();
        text.push(0);
        self.commands.write_all(&text).unwrap();
        loop {
            let mut answer = self.receive();
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
        }
    }

    /// Opens a page on a screen of this width and waits until it is loaded.
    fn open(&mut self, page: &Path, width: u32, scheme: &str) {
        let phone = is_phone(width);
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone});
        self.call("Emulation.setDeviceMetricsOverride", screen);
        self.call("Emulation.setTouchEmulationEnabled", json!({"enabled": phone}));
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
        self.call("Page.navigate", json!({"url": format!("file://{}", page.display())}));
        while self.receive()["method"] != "Page.loadEventFired" {}
    }

    /// What an expression comes to in the page.
    fn eval(&mut self, expression: &str) -> Value {
        let mut answer =
            self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Scrolls the n-th value of the first chart into view and gives its middle.
    fn value_at(&mut self, n: u32) -> (f64, f64) {
        let at = self.eval(&format!(
            "(() => {{ const hit = document.querySelectorAll('.chart .hit')[{n}];
               hit.scrollIntoView({{block: 'center', behavior: 'instant'}});
               const box = hit.getBoundingClientRect();
               return [box.left + box.width / 2, box.top + box.height / 2]; }})()"
        ));
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    /// Points at the n-th value of the first chart: with a mouse, on a phone with a finger.
    fn point_at(&mut self, n: u32, width: u32) {
        let (x, y) = self.value_at(n);
        if is_phone(width) {
            let touch = json!({"type": "touchStart", "touchPoints": [{"x": x, "y": y}]});
            self.call("Input.dispatchTouchEvent", touch);
            self.call("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []}));
        } else {
            self.call("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": y}));
        }
    }

    fn tip(&mut self) -> Option<String> {
        let tip = self.eval("(() => { const tip = document.getElementById('tip'); return tip.hidden ? null : tip.textContent; })()");
        tip.as_str().map(str::to_owned)
    }
}

fn is_phone(width: u32) -> bool {
    width < 500
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The page of a run's report, made now.
fn page_of(dir: &Path) -> PathBuf {
    write_report(&ReportArgs {
        runs: vec![dir.to_owned()],
        no_plots: true,
        only: vec![Part::Html],
        ..ReportArgs::default()
    })
    .unwrap();
    dir.join("report.html")
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        return support::skip("the_page_works_in_a_browser", &format!("one of {}", NAMES.join(", ")));
    };
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation { hardware_counters: true, ..Simulation::default() }.write(results.path()).unwrap();
    let page = page_of(&dir);

    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
        browser.requests.clear();
        browser.open(&page, width, scheme);
        let at = format!("{width} pixels, {scheme}");

        let asked: Vec<&String> = browser.requests.iter().filter(|url| !url.starts_with("data:")).collect();
        assert!(
            matches!(asked[..], [url] if url.starts_with("file:")),
            "{at}: more than one file: {asked:?}"
        );

        browser.eval("document.querySelectorAll('details').forEach(one => { one.open = true; })");
        let drawn = "[...document.querySelectorAll('.chart')].map(chart => {
            const box = chart.getBoundingClientRect();
            return [box.width, box.height, chart.querySelectorAll('.hit').length, chart.querySelectorAll('text').length];
        })";
        let charts = browser.eval(drawn);
        let charts = charts.as_array().unwrap();
        assert!(charts.len() > 20, "{at}: {} charts", charts.len());
        for chart in charts {
            let of = |place: usize| chart[place].as_f64().unwrap();
            assert!(of(0) > 250.0 && of(1) > 150.0 && of(2) >= 1.0 && of(3) > 5.0, "{at}: {chart}");
        }
        let wider = browser.eval("document.documentElement.scrollWidth - innerWidth").as_f64().unwrap();
        assert!(wider <= 0.0, "{at}: the page is {wider} pixels wider than the screen");

        let colours = "(() => { const lightness = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
            const ink = getComputedStyle(document.querySelector('.chart text')).fill;
            return [lightness(getComputedStyle(document.body).backgroundColor), lightness(ink)]; })()";
        let colours = browser.eval(colours);
        let (paper, ink) = (colours[0].as_f64().unwrap(), colours[1].as_f64().unwrap());
        let contrast = if scheme == "dark" { ink - paper } else { paper - ink };
        assert!(contrast > 450.0, "{at}: text of lightness {ink} on {paper}");

        browser.point_at(2, width);
        let tip = browser.tip().unwrap_or_else(|| panic!("{at}: no value is shown"));
        assert!(tip.contains("two-copy") && tip.contains("Gb/s") && tip.contains("5 trials"), "{at}: {tip}");
    }
}

#[test]
fn keys_show_values_and_tables_sort() {
    let Some(mut browser) = Browser::start() else {
        return support::skip("keys_show_values_and_tables_sort", &format!("one of {}", NAMES.join(", ")));
    };
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation::default().write(results.path()).unwrap();
    browser.open(&page_of(&dir), 1280, "light");

    browser.eval("document.querySelector('.chart').focus()");
    for _ in 0..2 {
        browser.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "ArrowRight"}));
    }
    let second = browser.tip().expect("an arrow key shows a value");
    browser.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "ArrowRight"}));
    assert_ne!(browser.tip().expect("and the next"), second);
    browser.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "Escape"}));
    assert_eq!(browser.tip(), None);

    let sorted = "(() => { const head = [...document.querySelectorAll('th')].find(th => th.textContent.startsWith('throughput'));
        const place = [...head.parentElement.children].indexOf(head);
        const column = () => [...head.closest('table').tBodies[0].rows].map(row => Number(row.cells[place].dataset.o));
        head.firstElementChild.click();
        const up = [column(), head.getAttribute('aria-sort')];
        head.firstElementChild.click();
        return [up, [column(), head.getAttribute('aria-sort')]]; })()";
    let sorted = browser.eval(sorted);
    let column = |n: usize| -> Vec<f64> {
        sorted[n][0].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (up, down) = (column(0), column(1));
    assert_eq!(up.len(), 24, "a row per cell");
    assert!(up.is_sorted() && down.iter().rev().is_sorted(), "{up:?} {down:?}");
    assert_eq!((&sorted[0][1], &sorted[1][1]), (&json!("ascending"), &json!("descending")));
}

#[test]
fn the_first_screen_has_a_figure_and_what_is_folded_opens() {
    let test = "the_first_screen_has_a_figure_and_what_is_folded_opens";
    let Some(mut browser) = Browser::start() else {
        return support::skip(test, &format!("one of {}", NAMES.join(", ")));
    };
    let results = tempfile::tempdir().unwrap();
    let dir = Simulation { hardware_counters: true, ..Simulation::default() }.write(results.path()).unwrap();
    browser.open(&page_of(&dir), 1280, "light");
    let top = "document.querySelector('figure .chart').getBoundingClientRect().top";
    let top = browser.eval(top).as_f64().unwrap();
    assert!(top < 500.0, "the first chart begins at {top} pixels");
    let verdict =
        "(() => { const box = document.querySelector('.verdict'); const inner = box.querySelector('li');
        return inner.getBoundingClientRect().width / box.getBoundingClientRect().width; })()";
    assert!(browser.eval(verdict).as_f64().unwrap() > 0.8, "the verdict does not use its box");

    let open = "[...document.querySelectorAll('details')].map(one => one.open)";
    assert_eq!(browser.eval(open), json!([false, false]), "further figures and environment");
    browser.eval(
        "[...document.querySelectorAll('nav a')].find(link => link.textContent === 'Environment').click()",
    );
    assert_eq!(browser.eval(open), json!([false, true]));
    browser.eval("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.eval(open), json!([true, true]), "all of it is printed");
    browser.eval("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.eval(open), json!([false, true]));

    // No table is cut at 1400 pixels, and no path is broken.
    browser.open(&dir.join("report.html"), 1400, "light");
    let cut = "[...document.querySelectorAll('.table')].filter(box => box.scrollWidth > box.clientWidth + 1
        || box.scrollHeight > box.clientHeight + 1).map(box => [box.getAttribute('aria-label').slice(0, 40), box.scrollWidth, box.clientWidth])";
    assert_eq!(browser.eval(cut), json!([]), "tables that are cut");
}

#[test]
fn the_pages_of_several_runs_fit_every_screen() {
    let Some(mut browser) = Browser::start() else {
        return support::skip(
            "the_pages_of_several_runs_fit_every_screen",
            &format!("one of {}", NAMES.join(", ")),
        );
    };
    let results = tempfile::tempdir().unwrap();
    let base = plain_run(results.path(), 1);
    let new = run_of_day(results.path(), 2, |manifest, trials| {
        manifest.sender.host.kernel = "6.99".into();
        speed_up(trials, "splice", 0.7);
    });
    let args = HistoryArgs { dir: results.path().into(), measure: None, format: HistoryFormat::Page };
    write_history(&args).unwrap();
    write_report(&ReportArgs { runs: vec![base, new.clone()], ..ReportArgs::default() }).unwrap();
    for (page, charts) in [(results.path().join("history.html"), 12), (new.join("overlay.html"), 2)] {
        for (width, scheme) in [(1280, "light"), (390, "dark")] {
            browser.open(&page, width, scheme);
            let at = format!("{}, {width} pixels, {scheme}", page.display());
            let drawn = browser.eval("document.querySelectorAll('.chart').length").as_u64();
            assert_eq!(drawn, Some(charts), "{at}");
            let wider = browser.eval("document.documentElement.scrollWidth - innerWidth").as_f64().unwrap();
            assert!(wider <= 0.0, "{at}: the page is {wider} pixels wider than the screen");
            browser.eval("document.querySelector('.chart').focus()");
            browser.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "ArrowRight"}));
            let tip = browser.tip().unwrap_or_else(|| panic!("{at}: no value is shown"));
            assert!(tip.contains("Gb/s") && tip.contains("trials"), "{at}: {tip}");
        }
    }
}

//! Figures about this process for Prometheus. No label holds a person's or a notebook's id.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::app::App;
use crate::sockets::SocketKind;

/// Upper bounds of the time to answer, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The counters, and the registry that writes them out.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    refused: IntCounterVec,
    sockets: IntGaugeVec,
    rooms: IntGauge,
    in_flight: IntGauge,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Two figures have one name, which is a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "notebook_cloud_http_requests_total",
                    "Requests answered, by method, route and status.",
                ),
                &["method", "route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "notebook_cloud_http_request_seconds",
                    "Time until a request's answer began.",
                )
                .buckets(SECONDS.to_vec()),
                &["route"],
            )?,
            refused: IntCounterVec::new(
                Opts::new(
                    "notebook_cloud_refused_total",
                    "Requests and sockets refused because a limit was reached, by limit.",
                ),
                &["limit"],
            )?,
            sockets: IntGaugeVec::new(
                Opts::new("notebook_cloud_sockets_open", "Open sockets, by kind."),
                &["kind"],
            )?,
            rooms: IntGauge::new("notebook_cloud_rooms_live", "Rooms in memory.")?,
            in_flight: IntGauge::new(
                "notebook_cloud_http_requests_in_flight",
                "Requests being answered.",
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> prometheus::Result<()> {
        let all: [Box<dyn Collector>; 7] = [
            Box::new(self.requests.clone()),
            Box::new(self.seconds.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.sockets.clone()),
            Box::new(self.rooms.clone()),
            Box::new(self.in_flight.clone()),
            Box::new(ProcessCollector::for_self()),
        ];
        all.into_iter()
            .try_for_each(|collector| self.registry.register(collector))
    }

    /// Counts an answered request; `route` is a path with its parameters unfilled.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        self.requests
            .with_label_values(&[known(method), route, status.as_str()])
            .inc();
        self.seconds
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Counts something refused by a limit.
    pub fn refused(&self, limit: &str) {
        self.refused.with_label_values(&[limit]).inc();
    }

    /// The figures in Prometheus' text format.
    ///
    /// # Errors
    /// A figure cannot be written.
    pub fn text(&self, app: &App) -> prometheus::Result<Vec<u8>> {
        for kind in SocketKind::ALL {
            let count = i64::try_from(app.sockets().count(kind)).unwrap_or(i64::MAX);
            self.sockets.with_label_values(&[kind.as_str()]).set(count);
        }
        let whole =
            usize::try_from(app.config().settings.limits.requests_in_flight).unwrap_or(usize::MAX);
        let taken = whole.saturating_sub(app.places().available_permits());
        self.in_flight.set(i64::try_from(taken).unwrap_or(i64::MAX));
        self.rooms
            .set(i64::try_from(app.rooms().count()).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // Names and labels are constants of this file; its test makes one.
        Self::new().expect("each figure has a name of its own")
    }
}

/// A method of ours, or `other`: a label must not grow by what clients invent.
fn known(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

//! Answers recorded off a real Prometheus: see `tests/recorded/README.md`.

use crate::world::World;
use jiff::Timestamp;
use serde_json::Value;
use squall_experiments::judge::{Reading, Sample, Series};

pub struct Recording {
    json: Value,
}

impl Recording {
    pub fn read(text: &str) -> Self {
        Self { json: serde_json::from_str(text).unwrap() }
    }

    /// An empty world with the recording's clock; scrapes every 200 ms that take at most 200 ms.
    pub fn world(&self) -> World {
        World { zero: timestamp(&self.json["began"]), ..World::new(0.2, 0.2) }
    }

    /// When something happened, in seconds from the beginning.
    pub fn mark(&self, name: &str) -> f64 {
        self.json["marks"][name].as_f64().unwrap() - self.json["began"].as_f64().unwrap()
    }

    /// One of Prometheus' answers.
    pub fn series(&self, question: &str) -> Vec<Series> {
        let series = |series: &Value| Series {
            labels: serde_json::from_value(series["metric"].clone()).unwrap(),
            samples: series["values"].as_array().unwrap().iter().map(sample).collect(),
        };
        self.json[question].as_array().unwrap().iter().map(series).collect()
    }

    /// The numbers of an answer with one series.
    pub fn numbers(&self, question: &str) -> Vec<f64> {
        self.series(question).iter().flat_map(|series| series.samples.iter().map(number)).collect()
    }
}

/// The number of a sample.
pub fn number(sample: &Sample) -> f64 {
    match &sample.1 {
        Reading::Number(number) => *number,
        Reading::Text(text) => panic!("text: {text}"),
    }
}

fn sample(pair: &Value) -> Sample {
    Sample(timestamp(&pair[0]), Reading::Number(pair[1].as_str().unwrap().parse().unwrap()))
}

fn timestamp(seconds: &Value) -> Timestamp {
    Timestamp::from_microsecond((seconds.as_f64().unwrap() * 1e6).round() as i64).unwrap()
}

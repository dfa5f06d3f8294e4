//! Single requests outside of a load: to check answers, and to compare those of several servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::{IncorrectAnswer, LoadError};
use crate::host::Host;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::target::Target;

/// Runs each task of each user class once, as one user of the class, and checks the answers, all within `time_limit`.
/// Returns the number of requests.
///
/// # Errors
/// [`IncorrectAnswer`] at the first answer that is missing or wrong.
pub async fn check_once(
    scenario: &Scenario,
    host: &str,
    time_limit: Duration,
) -> Result<u32, IncorrectAnswer> {
    let limit = Instant::now() + time_limit.min(crate::clock::FAR);
    let host = Host::parse(host).map_err(LoadError::Host)?;
    let mut plan = Plan::new(scenario, &host, (0, 1))?;
    plan.requests
        .iter_mut()
        .for_each(|request| request.limit(time_limit));
    let target = Target::new(&host, scenario.connection_settings()).await?;
    let mut client = Client::new(target, Arc::default(), 0);
    let mut sent = 0;
    for class in &plan.classes {
        client.clear_session();
        for index in class.tasks.iter().flat_map(|task| task.requests.clone()) {
            let request = &plan.requests[index];
            let limit = limit.min(Instant::now() + request.timeout);
            let outcome = client.send(&plan, request, 0, limit).await;
            if let Some(cause) = outcome.failure {
                return Err(IncorrectAnswer::Answer {
                    request: request.name.clone(),
                    cause: cause.into_owned(),
                });
            }
            sent += 1;
        }
    }
    Ok(sent)
}

/// Answer to one request of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleAnswer {
    /// Name of the request.
    pub request: String,
    /// Index of the row of its data, from 0.
    pub row: usize,
    /// Body of the answer, or the cause of the failure.
    pub body: Result<Vec<u8>, String>,
}

/// Runs each task for up to `rows` rows of its data, spread over all rows, one after another. Returns the answers of
/// `host`. Requests and order are the same for every host; timeouts are those of the scenario.
///
/// # Errors
/// [`LoadError`] if no request can be sent.
pub async fn sample(
    scenario: &Scenario,
    host: &str,
    rows: usize,
) -> Result<Vec<SampleAnswer>, LoadError> {
    let host = Host::parse(host)?;
    let mut plan = Plan::new(scenario, &host, (0, 1))?;
    for request in &mut plan.requests {
        request.needs_body = true;
    }
    let target = Target::new(&host, scenario.connection_settings()).await?;
    let mut client = Client::new(target, Arc::default(), 0);
    let mut answers = Vec::new();
    for (class, of_scenario) in plan.classes.iter().zip(scenario.users()) {
        client.clear_session();
        for (task, of_scenario) in class.tasks.iter().zip(of_scenario.all_tasks()) {
            let wanted = rows.min(of_scenario.rows);
            for row in (0..wanted).map(|index| index * of_scenario.rows / wanted) {
                for request in task.requests.clone() {
                    let request = &plan.requests[request];
                    let limit = Instant::now() + request.timeout;
                    let outcome = client.send(&plan, request, row, limit).await;
                    answers.push(SampleAnswer {
                        request: request.name.clone(),
                        row,
                        body: match outcome.failure {
                            None => Ok(client.body().to_vec()),
                            Some(cause) => Err(cause.into_owned()),
                        },
                    });
                }
            }
        }
    }
    Ok(answers)
}

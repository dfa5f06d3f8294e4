//! Sends single requests outside of any load: to see whether answers are right, and to compare those of several servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::{LoadError, NotCorrect};
use crate::host::Host;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::target::Target;

/// Does each task of each class of users once, as one user of the class would, and checks the answers, all within
/// `time_limit`. Gives how many requests there were.
pub async fn check_once(
    scenario: &Scenario,
    host: &str,
    time_limit: Duration,
) -> Result<u32, NotCorrect> {
    let limit = Instant::now() + time_limit.min(crate::clock::FAR);
    let host = Host::parse(host).map_err(LoadError::Host)?;
    let mut plan = Plan::new(scenario, &host, (0, 1))?;
    plan.requests
        .iter_mut()
        .for_each(|request| request.limit(time_limit));
    let target = Target::new(&host, scenario.connecting()).await?;
    let mut client = Client::new(target, Arc::default(), 0);
    let mut sent = 0;
    for class in &plan.classes {
        client.forget();
        for index in class.tasks.iter().flat_map(|task| task.requests.clone()) {
            let request = &plan.requests[index];
            let limit = limit.min(Instant::now() + request.timeout);
            let outcome = client.send(&plan, request, 0, limit).await;
            if let Some(cause) = outcome.failure {
                return Err(NotCorrect::Answer {
                    request: request.name.clone(),
                    cause: cause.into_owned(),
                });
            }
            sent += 1;
        }
    }
    Ok(sent)
}

/// What a server answered to one request of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleAnswer {
    /// The name of the request.
    pub request: String,
    /// The row of its data, from 0.
    pub row: usize,
    /// The body, or why there is none that is right.
    pub body: Result<Vec<u8>, String>,
}

/// Does each task for up to `rows` rows of its data, spread over all of them, one after another, and gives what `host`
/// answered: the same requests in the same order, whatever the host. Each may take as long as the scenario says.
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
    let target = Target::new(&host, scenario.connecting()).await?;
    let mut client = Client::new(target, Arc::default(), 0);
    let mut answers = Vec::new();
    for (class, of_scenario) in plan.classes.iter().zip(scenario.users()) {
        client.forget();
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

//! Description of the API, generated from the code that serves it.

mod aliases;

use std::sync::LazyLock;

use axum::http::Method;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi as Description, Ref, Response,
        ResponseBuilder,
        path::Operation,
        schema::Type,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use self::aliases::Aliases;
use crate::{
    edge,
    refusal::Shape,
    routes::{about, hugging_face, open_inference, question_answering},
    wire::problem::{Detail, ErrorBody},
};

/// All operations of the API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Bakeoff question answering",
        description = "Extractive question answering: an answer is a span of the context in the request.",
    ),
    paths(
        question_answering::question_answering,
        hugging_face::inference,
        open_inference::server,
        open_inference::live,
        open_inference::ready,
        open_inference::model,
        open_inference::model_ready,
        open_inference::infer,
        about::health,
        about::ready,
        about::info,
        about::root,
        about::docs,
        about::openapi,
    ),
    components(schemas(Detail, ErrorBody)),
    modifiers(&Aliases, &Refusals, &Keys)
)]
struct Api;

/// Description of the API.
pub(crate) fn description() -> Description {
    Api::openapi()
}

/// `true` if the API has `path`. A parameter in the path can have any value.
pub(crate) fn has_path(path: &str) -> bool {
    static PATHS: LazyLock<Vec<String>> =
        LazyLock::new(|| description().paths.paths.into_keys().collect());
    let fits = |pattern: &String| {
        let mut steps = path.split('/');
        let all = pattern.split('/').all(|wanted| {
            let step = steps.next();
            step.is_some_and(|step| wanted == step || (wanted.starts_with('{') && !step.is_empty()))
        });
        all && steps.next().is_none()
    };
    PATHS.iter().any(fits)
}

/// Adds the error responses that many operations share.
struct Refusals;

/// Name of the security scheme of API keys.
const KEY: &str = "key";

impl Modify for Refusals {
    fn modify(&self, description: &mut Description) {
        for (path, item) in &mut description.paths.paths {
            for (method, operation) in
                [(Method::GET, &mut item.get), (Method::POST, &mut item.post)]
            {
                if let Some(operation) = operation {
                    let schema = match Shape::of(&method, path) {
                        Shape::Detail => "Detail",
                        Shape::Error => "Error",
                    };
                    Refusals::add((&method, path), operation, schema);
                }
            }
        }
    }
}

impl Refusals {
    fn add((method, path): (&Method, &str), operation: &mut Operation, schema: &str) {
        let mut add = |status: &str, response: Response| {
            let responses = &mut operation.responses.responses;
            responses.insert(status.to_owned(), response.into());
        };
        let refusal = |description: &str| refusal(description, schema).build();
        let ready = path.ends_with("/ready");
        let asks = operation.request_body.is_some();
        if !edge::is_open(method, path) {
            let header = text_header("Authentication scheme: `Bearer`.");
            let unauthorized = self::refusal(
                "The server needs an API key. The request has no key, or an invalid key.",
                schema,
            )
            .header("WWW-Authenticate", header);
            add("401", unauthorized.build());
        }
        if path.contains("{name}") {
            let why = "The path has another model, or another version of the model.";
            add("404", refusal(why));
        }
        if asks {
            let foreign = "The request is from a web page whose origin is not allowed.";
            add("403", refusal(foreign));
            let broken = "The body is incomplete, has invalid framing, or is not compressed as its header says.";
            let invalid = "The body is incomplete, has invalid framing, is not compressed as its header says, is not \
                           valid JSON, or has invalid values.";
            let why = if schema == "Detail" { broken } else { invalid };
            add("400", refusal(why));
            add("408", refusal("The client sent the body too slowly."));
            add(
                "413",
                refusal("The body or the response is larger than the limit of the server."),
            );
            add(
                "415",
                refusal("The compression of the body is not gzip or deflate."),
            );
            let seconds = HeaderBuilder::new()
                .schema(Some(
                    ObjectBuilder::new()
                        .schema_type(Type::Integer)
                        .minimum(Some(1)),
                ))
                .description(Some(
                    "Time after which a retry can succeed, in seconds, at least 1.",
                ))
                .build();
            let overloaded =
                self::refusal("The queue is full.", schema).header("Retry-After", seconds);
            add("429", overloaded.build());
            let bug = "A bug in the server. Other requests are not affected.";
            add("500", refusal(bug));
            let busy =
                "The server is shutting down, or its memory for bodies or responses is used up.";
            add("503", refusal(busy));
            add(
                "504",
                refusal("The time limit for the response has passed."),
            );
        }
        if ready {
            let why = "The model is warming up, or the server is shutting down.";
            add("503", refusal(why));
        }
        // This response comes before the path is known. Therefore it has no body.
        let why = "The head of the request is larger than the limit of the server.";
        add("431", ResponseBuilder::new().description(why).build());
    }
}

fn refusal(description: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content)
}

fn text_header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

/// Adds the security scheme of API keys.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut Description) {
        let scheme = SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "API key. It is needed only if the server was started with keys.",
                ))
                .build(),
        );
        if let Some(components) = &mut description.components {
            components.add_security_scheme(KEY, scheme);
        }
        let key = SecurityRequirement::new(KEY, Vec::<String>::new());
        // With or without a key.
        description.security = Some(vec![SecurityRequirement::default(), key]);
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `INSTA_UPDATE=always` updates the file, as it updates snapshots.
    #[test]
    fn description_is_the_one_checked_in() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let current = description().to_pretty_json().unwrap() + "\n";
        if env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
            fs::write(&path, &current).unwrap();
        }
        let checked_in = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == current,
            "{} is out of date; renew it with INSTA_UPDATE=always",
            path.display()
        );
    }
}

//! The description of the API, made from the code that serves it.

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

use crate::{
    edge,
    refusal::Shape,
    routes::{about, hugging_face, open_inference, question_answering},
    wire::problem::{Detail, ErrorBody},
};

/// The whole API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Bakeoff question answering",
        description = "Answers questions with spans of the text that comes with them.",
    ),
    paths(
        question_answering::question_answering,
        hugging_face::inference,
        hugging_face::model_inference,
        hugging_face::owned_model_inference,
        open_inference::server,
        open_inference::live,
        open_inference::ready,
        open_inference::model,
        open_inference::model_ready,
        open_inference::infer,
        open_inference::version,
        open_inference::version_ready,
        open_inference::version_infer,
        about::health,
        about::ready,
        about::info,
        about::root,
        about::docs,
        about::openapi,
    ),
    components(schemas(Detail, ErrorBody)),
    modifiers(&Refusals, &Keys)
)]
struct Api;

/// The whole API, described.
pub(crate) fn description() -> Description {
    Api::openapi()
}

/// `true` if the description has `path`, whose parameters may be anything.
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

/// Adds the refusals that many operations share.
struct Refusals;

/// The name of the scheme of keys.
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
            let header = text_header("The scheme of the key: `Bearer`.");
            let unauthorized =
                self::refusal("The server wants a key and got none of its own.", schema)
                    .header("WWW-Authenticate", header);
            add("401", unauthorized.build());
        }
        if path.contains("{name}") {
            let why = "The path names another model, or another version of it.";
            add("404", refusal(why));
        }
        if asks {
            let foreign = "A browser asks for a page of an origin that this server does not list.";
            add("403", refusal(foreign));
            let broken =
                "The body broke off, is badly framed, or not compressed as its header says.";
            let invalid = "The body broke off, is badly framed, not compressed as its header says, no JSON, or not what is \
                           asked for.";
            let why = if schema == "Detail" { broken } else { invalid };
            add("400", refusal(why));
            add("408", refusal("The body took too long to arrive."));
            add(
                "413",
                refusal("The body is larger than this server allows, or the answers would be."),
            );
            add(
                "415",
                refusal("The body is compressed in another way than gzip or deflate."),
            );
            let seconds = HeaderBuilder::new()
                .schema(Some(
                    ObjectBuilder::new()
                        .schema_type(Type::Integer)
                        .minimum(Some(1)),
                ))
                .description(Some(
                    "Seconds after which another try has a chance, at least 1.",
                ))
                .build();
            let overloaded = self::refusal("Too many questions are waiting.", schema)
                .header("Retry-After", seconds);
            add("429", overloaded.build());
            let bug = "A bug of the server; other requests are not affected.";
            add("500", refusal(bug));
            let busy =
                "The server is shutting down, or has no memory left for more bodies or answers.";
            add("503", refusal(busy));
            add("504", refusal("The answer took too long."));
        }
        if ready {
            let why = "The model is warming up, or the server is shutting down.";
            add("503", refusal(why));
        }
        // Answered before anything of the request is known, thus not in the shape of an API.
        let why = "The head of the request is larger than this server allows.";
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

/// Says that a bearer key may be wanted.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut Description) {
        let scheme = SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("Wanted by servers that were started with keys."))
                .build(),
        );
        if let Some(components) = &mut description.components {
            components.add_security_scheme(KEY, scheme);
        }
        let key = SecurityRequirement::new(KEY, Vec::<String>::new());
        // Without a key, or with one.
        description.security = Some(vec![SecurityRequirement::default(), key]);
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `INSTA_UPDATE=always`, the switch that updates snapshots, updates this file as well.
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

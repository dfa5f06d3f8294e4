//! Paths that share the handler and the description of another path.

use utoipa::{
    IntoParams, Modify,
    openapi::{
        OpenApi as Description, PathItem, RefOr,
        path::{HttpMethod, Operation, Parameter, ParameterIn},
    },
};

use crate::routes::open_inference::ModelPath;

/// Adds every path in [`ALIASES`].
pub(super) struct Aliases;

/// A path with the handler of another path.
struct Alias {
    path: &'static str,
    /// The other path.
    of: &'static str,
    operation_id: &'static str,
    /// Difference from the other path, at the end of the summary.
    difference: &'static str,
    /// Parameters that only this path has.
    parameters: fn() -> Vec<Parameter>,
}

const ALIASES: [Alias; 5] = [
    Alias {
        path: "/models/{name}",
        of: "/",
        operation_id: "model_inference",
        difference: "with the model name in the path",
        parameters: of_path::<ModelPath>,
    },
    Alias {
        path: "/models/{owner}/{name}",
        of: "/",
        operation_id: "owned_model_inference",
        difference: "with the model's owner and name in the path",
        parameters: || [of_path::<OwnerPath>(), of_path::<ModelPath>()].concat(),
    },
    Alias {
        path: "/v2/models/{name}/versions/{version}",
        of: "/v2/models/{name}",
        operation_id: "model_version_metadata",
        difference: WITH_A_VERSION,
        parameters: of_path::<VersionPath>,
    },
    Alias {
        path: "/v2/models/{name}/versions/{version}/ready",
        of: "/v2/models/{name}/ready",
        operation_id: "model_version_ready",
        difference: WITH_A_VERSION,
        parameters: of_path::<VersionPath>,
    },
    Alias {
        path: "/v2/models/{name}/versions/{version}/infer",
        of: "/v2/models/{name}/infer",
        operation_id: "version_infer",
        difference: WITH_A_VERSION,
        parameters: of_path::<VersionPath>,
    },
];

const WITH_A_VERSION: &str = "with the model version in the path";

/// Parameter of a path with the owner of the model.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the description is used")]
struct OwnerPath {
    /// Owner of the model on the Hugging Face Hub. Any owner is accepted, since the server identifies its model by the name alone.
    #[param(example = "deepset")]
    owner: String,
}

/// Parameter of a path with the version of the model.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the description is used")]
struct VersionPath {
    /// Version of the model. The only version is `1`.
    #[param(example = "1")]
    version: String,
}

fn of_path<P: IntoParams>() -> Vec<Parameter> {
    P::into_params(|| Some(ParameterIn::Path))
}

impl Modify for Aliases {
    fn modify(&self, description: &mut Description) {
        let paths = &mut description.paths.paths;
        for alias in &ALIASES {
            let Some(item) = paths.get(alias.of) else {
                continue;
            };
            let (method, operation) = match (&item.post, &item.get) {
                (Some(post), _) => (HttpMethod::Post, post),
                (None, Some(get)) => (HttpMethod::Get, get),
                (None, None) => continue,
            };
            let item = PathItem::new(method, alias.operation(operation));
            paths.insert(alias.path.to_owned(), item);
        }
    }
}

impl Alias {
    /// `operation`, the operation of the other path, under this path.
    fn operation(&self, operation: &Operation) -> Operation {
        let mut operation = operation.clone();
        let summary = operation.summary.unwrap_or_default();
        operation.summary = Some(format!("{summary}, {}", self.difference));
        operation.description = Some(format!("Same as `{}`.", self.of));
        operation.operation_id = Some(self.operation_id.to_owned());
        let mut parameters = operation.parameters.unwrap_or_default();
        let of_path = |parameter: &&RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path);
        let end_of_path = parameters.iter().take_while(of_path).count();
        let more = (self.parameters)().into_iter().map(RefOr::T);
        parameters.splice(end_of_path..end_of_path, more);
        operation.parameters = Some(parameters);
        operation
    }
}

//! Fields of a form, in both encodings that browsers and scripts use.

use std::error::Error;

use axum::extract::{Form, FromRequest, Multipart, Request};
use axum::http::header;

use crate::swarm::SwarmError;

/// Reads names and values in the order of the request. A request without a content type has no fields.
pub(crate) async fn fields(request: Request) -> Result<Vec<(String, String)>, SwarmError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    if kind.is_empty() {
        return Ok(Vec::new());
    }
    if kind.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &()).await;
        return parts(form.map_err(unreadable)?).await;
    }
    if kind.starts_with("application/x-www-form-urlencoded") {
        let form = Form::from_request(request, &()).await;
        return form.map(|Form(fields)| fields).map_err(unreadable);
    }
    let message =
        format!("cannot read a body of type {kind}: send user_count and spawn_rate as a form");
    Err(SwarmError::Form(message))
}

async fn parts(mut form: Multipart) -> Result<Vec<(String, String)>, SwarmError> {
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        fields.push((name, field.text().await.map_err(unreadable)?));
    }
    Ok(fields)
}

fn unreadable(error: impl Error) -> SwarmError {
    SwarmError::Form(format!("cannot read the form: {error}"))
}

//! Batches of messages.

use mirrorball_protocol::{
    bayeux::{
        Advice, Batch, BatchError, ErrorText, Field, Members, Message, Meta,
        ext::{timesync::Sync, z85},
        messages,
    },
    json::{Limits, Value},
};

/// The most messages of one batch.
const MOST: usize = 8;

/// What a batch is said to be received at, in milliseconds since 1970.
const RECEIVED: u64 = 1_763_460_000_000;

/// Reads a batch, asks its messages for everything, and writes them again in two ways: as they are, and member by member.
pub fn bayeux_batch(data: &[u8]) {
    let text = crate::text(data);
    if let Ok(bytes) = z85::decode(&text) {
        assert_eq!(z85::decode(&z85::encode(&bytes)), Ok(bytes));
    }
    let Ok(value) = Value::parse(&text, &crate::limits()) else {
        return;
    };
    let read = match messages(value.clone(), MOST) {
        Ok(read) => read,
        Err(error) => return refused(&value, error),
    };
    assert!((1..=MOST).contains(&read.len()));
    let (mut whole, mut parts) = (Batch::default(), Batch::default());
    for message in &read {
        whole.raw(&message.0.to_text());
        parts.message(|members| members_of(message, members));
    }
    for batch in [whole, parts] {
        let length = batch.len();
        let text = batch.into_text();
        assert_eq!(text.len(), length + 1);
        let value = Value::parse(&text, &Limits::default());
        let value = value.unwrap_or_else(|error| panic!("{error:?}: {text}"));
        assert_eq!(messages(value, MOST).as_ref(), Ok(&read), "{text}");
    }
}

fn refused(value: &Value, error: BatchError) {
    let items = value.as_array().map(|array| array.len());
    match error {
        BatchError::Scalar => assert!(!value.is_container()),
        BatchError::Empty => assert_eq!(items, Some(0)),
        BatchError::Long => assert!(items > Some(MOST)),
        BatchError::Foreign => {
            let mut items = value.as_array().into_iter().flat_map(|array| array.iter());
            assert!(items.any(|item| item.as_object().is_none()));
        }
    }
}

/// Writes what the accessors say, and what nobody asks for as it is.
fn members_of(message: &Message<Value>, members: &mut Members<'_>) {
    accessors_agree(message);
    let object = message.0.as_object().expect("a message is an object");
    for (name, value) in object.iter() {
        let field = fields().find(|field| field.name() == name);
        match (field, value.as_str(), value.as_bool()) {
            (Some(field), _, _) if message.texts(field).is_some() && value.as_array().is_some() => {
                let texts = message.texts(field).unwrap_or_default();
                members.texts(name, texts.iter().map(|text| &**text));
            }
            (_, Some(text), _) => members.text(name, text),
            (_, _, Some(flag)) => members.flag(name, flag),
            _ if value.as_object().is_some() => {
                members.object(name, |inner| inner.members_of(&value.to_text()));
            }
            _ => match value.as_i64().filter(|it| Value::from(*it) == *value) {
                Some(integer) => members.integer(name, integer),
                None => members.value(name, value),
            },
        }
    }
}

fn accessors_agree(message: &Message<Value>) {
    for field in fields() {
        let member = message.0.get(field.name());
        assert_eq!(message.field(field).as_ref(), member);
        let text = message.text(field);
        assert_eq!(text.as_deref(), member.and_then(Value::as_str));
        let texts = message.texts(field);
        assert!(text.is_none_or(|text| texts == Some(vec![text])));
    }
    let channel = message.channel();
    let meta = channel.as_deref().and_then(Meta::of);
    assert_eq!(message.meta(), meta);
    assert!(meta.is_none_or(|meta| Some(meta.name()) == channel.as_deref()));
    assert_eq!(message.client_id(), message.text(Field::ClientId));
    assert_eq!(
        (message.id(), message.data()),
        (message.field(Field::Id), message.field(Field::Data))
    );
    let _ = message.successful();
    if let Some(error) = message.error() {
        let error = ErrorText::new(&error);
        assert!(error.code().is_none_or(|code| code < 1_000));
        assert!(error.arguments().is_none() || error.message().is_some());
        let _ = error.is_session_unknown();
    }
    if let Some(advice) = message.advice() {
        let mut text = String::new();
        Members::write(&mut text, |members| advice.write(members));
        let written = Value::parse(&text, &Limits::default()).expect("advice is JSON");
        let written = written.get("advice").map(Advice::read);
        assert_eq!(written, Some(advice.clone()), "{text}");
        assert_eq!(advice.over(&Advice::default()), advice);
    }
    if let Some(sync) = message.ext().and_then(|ext| Sync::read(&ext, RECEIVED)) {
        let _ = (sync.is_wanted(), sync.lag());
        let mut text = String::new();
        Members::write(&mut text, |members| sync.write(members, RECEIVED));
        assert!(Value::parse(&text, &Limits::default()).is_ok(), "{text}");
    }
}

fn fields() -> impl Iterator<Item = Field> {
    [
        Field::Advice,
        Field::Channel,
        Field::ClientId,
        Field::ConnectionType,
        Field::Data,
        Field::Error,
        Field::Ext,
        Field::Id,
        Field::Interval,
        Field::MaxInterval,
        Field::MinimumVersion,
        Field::MultipleClients,
        Field::Reconnect,
        Field::Subscription,
        Field::Successful,
        Field::SupportedConnectionTypes,
        Field::Timeout,
        Field::Version,
    ]
    .into_iter()
}

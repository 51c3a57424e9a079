"""The OpenAI client against the proxy: what it completes, streams and raises.

Arguments: the proxy's address, its token, the address of a proxy whose upstream is gone.
"""

import sys

import openai
from openai import OpenAI

base, token, gone = sys.argv[1:]
client = OpenAI(base_url=f"{base}/v1", api_key=token, max_retries=0, timeout=30)
messages = [{"role": "user", "content": "count"}]


def ask(who=client, **changes):
    given = {"model": "net/Model", "messages": messages, "seed": 7, **changes}
    return who.chat.completions.create(**given)


# A chat, with its logprobs: validators need them.
chat = ask(logprobs=True, top_logprobs=2)
assert chat.choices[0].message.content == "one two three", chat
top = chat.choices[0].logprobs.content[0]
assert (top.token, top.logprob) == ("one", -0.25), top
assert [other.token for other in top.top_logprobs] == ["one", "uno"], top
assert chat.usage.completion_tokens == 3, chat

# A stream, piece by piece, to its end.
pieces = list(ask(stream=True))
text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
assert text == "one two three", pieces
assert pieces[-1].choices[0].finish_reason == "stop", pieces

# A stream that is not wanted any more.
stream = ask(stream=True)
next(iter(stream))
stream.close()

# The older endpoint.
old = client.completions.create(model="net/Model", prompt="count", max_tokens=3)
assert old.choices[0].text == "one two three", old


def raises(kind, status, **changes):
    try:
        ask(**changes)
    except kind as error:
        assert error.status_code == status, (status, error)
        assert "sk-very-secret" not in str(error), error
    else:
        raise AssertionError(f"nothing was raised for {changes}")


raises(openai.BadRequestError, 400, model="another/Model")
raises(openai.InternalServerError, 503, user="busy")
raises(openai.InternalServerError, 502, user="broken")
raises(openai.InternalServerError, 504, user="silent")
stranger = OpenAI(base_url=f"{base}/v1", api_key="wrong", max_retries=0)
raises(openai.AuthenticationError, 401, who=stranger)
orphan = OpenAI(base_url=f"{gone}/v1", api_key=token, max_retries=0)
raises(openai.InternalServerError, 502, who=orphan)
print("all of it works")

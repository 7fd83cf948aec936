#pragma once
#include <napi.h>

#include <functional>
#include <memory>

#include "core/cancel.h"

namespace mdlab::binding {

// Runs `work` on a thread of its own, under `flag`, and settles the promise on the JavaScript
// thread: with `result`, or with the error `work` threw. Not libuv's pool: that has four threads,
// which a few long runs would keep from files, timers' zlib and DNS. When the environment ends (a
// worker stops, the process exits) the flag is raised and the thread joined first.
Napi::Promise inBackground(Napi::Env env, std::shared_ptr<CancelFlag> flag,
                           std::function<void()> work,
                           std::function<Napi::Value(Napi::Env)> result);

}  // namespace mdlab::binding

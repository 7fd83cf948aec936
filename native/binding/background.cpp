#include "binding/background.h"

#include <exception>
#include <system_error>
#include <thread>

#include "binding/binding.h"

namespace mdlab::binding {
namespace {

struct Task {
  Napi::Env env;
  Napi::Promise::Deferred deferred;
  std::shared_ptr<CancelFlag> flag;
  std::function<void()> work;
  std::function<Napi::Value(Napi::Env)> result;
  std::exception_ptr error;
  std::thread thread;
  napi_threadsafe_function done = nullptr;

  void run() {
    try {
      CancelScope scope(flag.get());
      work();
    } catch (...) {
      error = std::current_exception();
    }
    napi_call_threadsafe_function(done, nullptr, napi_tsfn_nonblocking);
  }
};

// The environment is ending: stop and wait, so that no thread outlives what it uses.
void stop(void* data) {
  auto* task = static_cast<Task*>(data);
  *task->flag = true;
  if (task->thread.joinable()) task->thread.join();
}

void settle(napi_env env, napi_value, void* context, void*) {
  if (!env) return;  // ending: stop() has run
  auto* task = static_cast<Task*>(context);
  task->thread.join();
  napi_remove_env_cleanup_hook(env, stop, task);
  Napi::HandleScope scope(env);
  try {
    if (task->error) std::rethrow_exception(task->error);
    task->deferred.Resolve(task->result(env));
  } catch (const Napi::Error& error) {
    task->deferred.Reject(error.Value());
  } catch (const std::exception& error) {
    task->deferred.Reject(toJavaScript(env, error).Value());
  }
  napi_release_threadsafe_function(task->done, napi_tsfn_release);
}

void finalize(napi_env, void* data, void*) { delete static_cast<Task*>(data); }

}  // namespace

Napi::Promise inBackground(Napi::Env env, std::shared_ptr<CancelFlag> flag,
                           std::function<void()> work,
                           std::function<Napi::Value(Napi::Env)> result) {
  auto* task = new Task{env,
                        Napi::Promise::Deferred::New(env),
                        std::move(flag),
                        std::move(work),
                        std::move(result),
                        nullptr,
                        {},
                        nullptr};
  const auto promise = task->deferred.Promise();
  const auto name = Napi::String::New(env, "mdlab");
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, task, finalize, task, settle, &task->done);
  if (status != napi_ok) {
    delete task;
    throw Napi::Error::New(env, "mdlab: could not start a background run");
  }
  // Added after the thread-safe function, hence called before that is torn down.
  napi_add_env_cleanup_hook(env, stop, task);
  try {
    task->thread = std::thread([task] { task->run(); });
  } catch (const std::system_error&) {
    napi_remove_env_cleanup_hook(env, stop, task);
    task->deferred.Resolve(env.Undefined());  // nobody has the promise
    napi_release_threadsafe_function(task->done, napi_tsfn_abort);
    throw Error("ENOMEM",
                "mdlab: the system grants no more threads, one is needed for a background run; end "
                "other runs, or raise the limit of processes");
  }
  return promise;
}

}  // namespace mdlab::binding

#include <hone/session/executor_impl.hpp>
#include <hone/session/plan_impl.hpp>
#include <hone/session/session_impl.hpp>

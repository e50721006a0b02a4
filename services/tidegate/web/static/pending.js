// Follows the start of a workspace on the hub's waiting page, then goes to it. Without JavaScript the page reloads.
"use strict";

const pending = document.getElementById("pending");
const events = new EventSource(pending.dataset.progressUrl);

function fail(reason) {
  document.getElementById("pending-reason").textContent = reason;
  document.getElementById("pending-failed").hidden = false;
  pending.hidden = true;
}

events.onmessage = (event) => {
  const step = JSON.parse(event.data);
  if (step.progress !== undefined) {
    document.getElementById("pending-bar").value = step.progress;
  }
  if (step.message) {
    document.getElementById("pending-message").textContent = step.message;
  }
  if (step.ready || step.failed) {
    events.close();
  }
  if (step.ready) {
    window.location.reload();
  }
  if (step.failed) {
    fail(step.message);
  }
};

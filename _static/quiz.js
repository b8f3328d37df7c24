/* A quiz keeps count: the first option you open of a question is your answer. Without this script the options
   still say whether they are right, and why; nothing is sent anywhere. */
document.addEventListener("DOMContentLoaded", () => {
  const questions = [];
  for (const option of document.querySelectorAll("details.quiz-option")) {
    const before = option.previousElementSibling;
    const next = before && before.matches("details.quiz-option") ? questions.at(-1) : { options: [] };
    if (!next.options.length) questions.push(next);
    next.options.push(option);
  }
  if (!questions.length) return;
  const score = document.createElement("p");
  score.className = "quiz-score";
  score.setAttribute("role", "status"); // read aloud when it changes
  questions.at(-1).options.at(-1).after(score);
  const tell = () => {
    const answered = questions.filter((question) => question.first);
    const right = answered.filter((question) => question.first.matches(".quiz-right")).length;
    score.textContent = answered.length
      ? `${answered.length} of ${questions.length} questions answered, ${right} right at the first choice.`
      : `${questions.length} questions. The first option you open is your answer.`;
  };
  for (const question of questions)
    for (const option of question.options)
      option.addEventListener("toggle", () => {
        if (option.open && !question.first) {
          question.first = option;
          option.classList.add("quiz-chosen");
          tell();
        }
      });
  tell();
});

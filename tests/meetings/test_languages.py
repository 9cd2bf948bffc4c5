"""Reports in five languages, as each provider writes them there."""

import pytest

from app.meetings.header_names import COLUMNS
from app.meetings.headers import read_header
from app.meetings.values import Column, Layout, Marker, Presence, Provider, Role, Why
from tests.meetings.reports import at_bogota, one, read, spans

SECTIONS = {
    "pt": (
        "1. Resumo\nTítulo da reunião\tCiclo\nHora de início\t17/03/2026 10:00:00\n\n"
        "2. Participantes\nNome\tPrimeira Entrada\tÚltima Saída\tDuração da Reunião\tEmail\t"
        "ID do participante (UPN)\tFunção\n"
        "Bruno (Convidado)\t17/03/2026 10:05:00\t17/03/2026 11:10:00\t50m 3s\t\t\tApresentador\n\n"
        "3. Atividades em Reunião\nNome\tHorário de Entrada\tHorário de Saída\tDuração\tEmail\t"
        "Função\n"
        "Bruno (Convidado)\t17/03/2026 10:05:00\t17/03/2026 10:35:00\t30m\t\tApresentador\n"
        "Bruno (Convidado)\t17/03/2026 10:49:57\t17/03/2026 11:10:00\t20m 3s\t\tApresentador\n\n"
        "4. Compromisso da Reunião\nNome\tReações\tMão levantada\nBruno\t3\t1\n"
    ),
    "fr": (
        "1. Résumé\nTitre de la réunion\tCiclo\nHeure de début\t17/03/2026 10:00:00\n\n"
        "2. Participants\nNom\tPremière participation\tDernier départ\tDurée de la réunion\t"
        "E-mail\tID du participant (UPN)\tRôle\n"
        "Bruno (Invité)\t17/03/2026 10:05:00\t17/03/2026 11:10:00\t50 min 3 s\t\t\tPrésentateur\n\n"
        "3. Activités pendant la réunion\nNom\tHeure d’arrivée\tHeure de départ\tDurée\tE-mail\t"
        "Rôle\n"
        "Bruno (Invité)\t17/03/2026 10:05:00\t17/03/2026 10:35:00\t30 min\t\tPrésentateur\n"
        "Bruno (Invité)\t17/03/2026 10:49:57\t17/03/2026 11:10:00\t20 min 3 s\t\tPrésentateur\n\n"
        "4. Engagement\nNom\tRéactions\tMains levées\nBruno\t3\t1\n"
    ),
    "de": (
        "1. Zusammenfassung\nBesprechungstitel\tCiclo\nStartzeit\t17.03.26, 10:00:00\n\n"
        "2. Teilnehmer\nName\tErster Beitritt\tLetztes Verlassen\tDauer der Besprechung\tE-Mail\t"
        "Teilnehmer-ID (UPN)\tRolle\n"
        "Bruno (Gast)\t17.03.26, 10:05:00\t17.03.26, 11:10:00\t50 Min. 3 Sek.\t\t\tReferent\n\n"
        "3. Aktivitäten in der Besprechung\nName\tBeitrittszeit\tVerlassenszeit\tDauer\tE-Mail\t"
        "Rolle\n"
        "Bruno (Gast)\t17.03.26, 10:05:00\t17.03.26, 10:35:00\t30 Min.\t\tReferent\n"
        "Bruno (Gast)\t17.03.26, 10:49:57\t17.03.26, 11:10:00\t20 Min. 3 Sek.\t\tReferent\n\n"
        "4. Interaktion\nName\tReaktionen\tHand gehoben\nBruno\t3\t1\n"
    ),
}


@pytest.mark.parametrize("language", SECTIONS)
def test_numbered_sections(language: str) -> None:
    report = read(SECTIONS[language])
    assert (report.provider, report.layout) == (Provider.TEAMS, Layout.SECTIONS)
    assert (report.language, report.title) == (language, "Ciclo")
    assert spans(report) == [
        ("Bruno", "03-17 15:05:00", "03-17 15:35:00"),
        ("Bruno", "03-17 15:49:57", "03-17 16:10:00"),
    ]
    assert {row.role for row in report.rows} == {Role.PRESENTER}
    assert {row.markers for row in report.rows} == {frozenset({Marker.GUEST})}
    assert [each.why for each in report.set_aside] == [Why.ELSEWHERE]
    assert report.unreadable == ()
    sums, stays, engagement = report.tables
    assert (sums.used, stays.used, engagement.used) == (False, True, False)
    assert str(engagement.why) == "It says nothing about who was there when."


EVENTS = {
    "en": "Full Name\tUser Action\tTimestamp\n{0}Joined before{1}{0}Left{2}",
    "es": "Nombre completo\tAcción del usuario\tMarca de tiempo\n{0}Se unió antes{1}{0}Abandonó{2}",
    "pt": "Nome Completo\tAtividade\tData e hora\n{0}Entrou antes{1}{0}Saiu{2}",
    "fr": "Nom complet\tAction de l’utilisateur\tHorodatage\n{0}A rejoint avant{1}{0}A quitté{2}",
    "de": "Vollständiger Name\tBenutzeraktion\tZeitstempel\n{0}Zuvor beigetreten{1}{0}Verlassen{2}",
}


@pytest.mark.parametrize("language", EVENTS)
def test_event_lists(language: str) -> None:
    text = EVENTS[language].format("Ana\t", "\t17/03/2026 10:01:00\n", "\t17/03/2026 11:00:00\n")
    report = read(text)
    assert (report.provider, report.layout) == (Provider.TEAMS, Layout.EVENTS)
    assert report.language == language
    assert spans(report) == [("Ana", "03-17 15:01:00", "03-17 16:00:00")]
    assert [str(each) for each in one(report).remarks] == ["Was there already when the list began."]


ZOOM = {
    "en": "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,"
    "In Waiting Room\n{0},Yes,No\n{1},Yes,Yes\n",
    "es": "Nombre (nombre original),Correo electrónico,Hora de entrada,Hora de salida,"
    "Duración (minutos),Invitado,En sala de espera\n{0},Sí,No\n{1},Sí,Sí\n",
    "pt": "Nome (nome original),E-mail,Ingressar na hora,Hora de saída,Duração (minutos),"
    "Convidado,Na sala de espera\n{0},Sim,Não\n{1},Sim,Sim\n",
    "fr": "Nom (nom original),Adresse e-mail de l’utilisateur,Heure d’arrivée,Heure de départ,"
    "Durée (minutes),Invité,Salle d’attente\n{0},Oui,Non\n{1},Oui,Oui\n",
    "de": "Name (ursprünglicher Name),Benutzer-E-Mail,Beitrittszeit,Austrittszeit,"
    "Dauer (Minuten),Gast,Im Warteraum\n{0},Ja,Nein\n{1},Ja,Ja\n",
}


@pytest.mark.parametrize("language", ZOOM)
def test_meetings_of_zoom(language: str) -> None:
    # The minutes are rounded up: the times count.
    was_in = "Ana Ruiz (iPad),ana@example.org,17/03/2026 10:00:30,17/03/2026 11:00:00,60"
    waited = "Ana Ruiz (iPad),ana@example.org,17/03/2026 09:50:00,17/03/2026 10:00:30,11"
    report = read(ZOOM[language].format(was_in, waited))
    assert (report.provider, report.layout) == (Provider.ZOOM, Layout.JOINS)
    assert report.language == language
    assert spans(report) == [("Ana Ruiz", "03-17 15:00:30", "03-17 16:00:00")]
    row = one(report)
    assert (row.other_name, row.email) == ("iPad", "ana@example.org")
    assert row.markers == {Marker.GUEST}
    assert [each.why for each in report.set_aside] == [Why.WAITING_ROOM]


UNIQUE = {
    "es": "Nombre (nombre original),E-mail del usuario,Duración total (minutos),Invitado\n"
    "Ana,,59,No\n",
    "pt": "Nome (nome original),E-mail do usuário,Duração total (minutos),Convidado\nAna,,59,Não\n",
    "fr": "Nom (nom original),Adresse e-mail,Durée totale (minutes),Invité\nAna,,59,Non\n",
    "de": "Name (Originalname),E-Mail,Gesamtdauer (Minuten),Gast\nAna,,59,Nein\n",
}


@pytest.mark.parametrize("language", UNIQUE)
def test_unique_users(language: str) -> None:
    report = read(UNIQUE[language])
    assert (report.provider, report.layout) == (Provider.ZOOM, Layout.TOTALS)
    assert report.language == language
    row = one(report)
    assert (row.name, row.presence, row.seconds) == ("Ana", Presence.TOTAL, 59 * 60)


def test_an_old_report_of_zoom_with_the_meeting_above() -> None:
    report = read(
        "Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants\n"
        "812,Ciclo,03/17/2026 09:55:00 AM,03/17/2026 11:35:00 AM,host@example.org,100,2\n\n"
        "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n"
        "Ana,ana@example.org,03/17/2026 09:59:10 AM,03/17/2026 11:00:00 AM,61,No\n"
    )
    assert [table.header for table in report.tables] == [4]
    assert (report.provider, report.title) == (Provider.ZOOM, "Ciclo")
    assert spans(report) == [("Ana", "03-17 14:59:10", "03-17 16:00:00")]


def test_in_german_the_number_of_people_is_called_as_they_are() -> None:
    report = read(
        "Thema,Meeting-ID,Startzeit,Endzeit,Dauer (Minuten),Teilnehmer\n"
        "Ciclo,812,17.03.2026 10:00,17.03.2026 12:00,120,1\n\n"
        "Name (ursprünglicher Name),E-Mail,Beitrittszeit,Austrittszeit,Dauer (Minuten)\n"
        "Ana,ana@example.org,17.03.2026 10:00:00,17.03.2026 11:00:00,60\n"
    )
    assert [(table.header, table.rows) for table in report.tables] == [(4, 1)]


def test_a_webinar_in_spanish_with_questions_in_between() -> None:
    report = read(
        "Informe de asistentes\n"
        "Informe generado,17/03/2026 02:31:08 PM\n"
        "Tema,ID del seminario web,Hora de inicio real,Duración real (minutos)\n"
        "Ciclo,812,17/03/2026 10:00:00 AM,120\n"
        "Detalles del anfitrión\n"
        "Asistió,Nombre de usuario (nombre original),Correo electrónico,Hora de entrada,"
        "Hora de salida,Tiempo en la sesión (minutos),Es invitado,País o región\n"
        "Sí,Olga,olga@example.org,17/03/2026 10:00:00 AM,17/03/2026 12:00:00 PM,120,No,Colombia\n"
        "Detalles de los panelistas\n"
        "Asistió,Nombre de usuario (nombre original),Correo electrónico,Hora de entrada,"
        "Hora de salida,Tiempo en la sesión (minutos),Es invitado,País o región\n"
        "Sí,Pablo,pablo@example.org,17/03/2026 10:00:00 AM,17/03/2026 11:00:00 AM,60,No,Perú\n"
        "Detalles de los asistentes\n"
        "Asistió,Nombre de usuario (nombre original),Nombre,Apellido,Correo electrónico,"
        "Teléfono,¿Qué espera del ciclo?,Hora de registro,Hora de entrada,Hora de salida,"
        "Tiempo en la sesión (minutos),Es invitado,País o región\n"
        'Sí,Ana,Ana,Ruiz,ana@example.org,300123,"Aprender, y conocer\na otros",'
        "16/03/2026 09:00:00 PM,17/03/2026 10:02:00 AM,17/03/2026 11:30:00 AM,88,No,Chile\n"
        "No,Inés,Inés,Paz,ines@example.org,300124,,16/03/2026 09:00:00 PM,,,0,No,Chile\n"
    )
    assert (report.provider, report.layout) == (Provider.ZOOM, Layout.WEBINAR)
    assert [(row.name, row.role, row.numbers) for row in report.rows] == [
        ("Olga", Role.HOST, (7,)),
        ("Pablo", Role.PANELIST, (10,)),
        ("Ana", Role.ATTENDEE, (13,)),
    ]
    assert report.rows[2].other_name == "Ana Ruiz"
    assert [(each.name, each.why) for each in report.set_aside] == [("Inés", Why.NO_SHOW)]
    assert "Teléfono" in report.tables[2].not_kept
    for secret in ("300123", "Aprender", "Chile"):
        assert secret not in repr(report)


def test_a_report_of_meet_in_portuguese() -> None:
    report = read(
        "Nome,Sobrenome,E-mail,Duração,Hora de entrada,Hora de saída\n"
        "Ana,Ruiz,ana@example.org,56 min,10:30,11:25\n",
        "2026-03-17 10_25 Ciclo.csv",
    )
    assert report.layout is Layout.CLOCK
    assert spans(report) == [("Ana Ruiz", "03-17 15:30:00", "03-17 16:25:00")]


def test_names_in_two_columns_in_french() -> None:
    report = read(
        "Nom;Prénom;E-mail;Heure d'arrivée;Heure de départ\n"
        "Ruiz;Ana;ana@example.org;17/03/2026 10 h 30;17/03/2026 11 h 25\n"
    )
    assert spans(report) == [("Ana Ruiz", "03-17 15:30:00", "03-17 16:25:00")]


@pytest.mark.parametrize("language", COLUMNS)
def test_every_header_has_one_meaning(language: str) -> None:
    for column, words in COLUMNS[language].items():
        for word in words.split("|"):
            for written in (
                word,
                word.upper(),
                f"\ufeff {word}\u00a0",
                word.replace(" ", "\u202f"),
            ):
                assert read_header(written).column is column, written


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Duration (Minutes)", Column.MINUTES),
        ("Duración total (minutos)", Column.MINUTES),
        ("Time in Session (seconds)", Column.SECONDS),
        ("Dauer [Min.]", Column.MINUTES),
        ("Duration", Column.DURATION),
        ("Join Time (GMT-05:00)", Column.JOINED),
        ("Nombre del anfitrión", None),
        ("Correo electrónico del anfitrión", None),
        ("Registration Time", Column.REGISTERED),
        ("Phone", None),
        ("IP Address", None),
        ("", None),
    ],
)
def test_headers_with_brackets(header: str, column: Column | None) -> None:
    assert read_header(header).column is column


def test_answers_in_words() -> None:
    report = read(
        "Attended,Name,Email,Join Time,Leave Time\n"
        "ja,Ana,ana@example.org,17.03.2026 10:00,17.03.2026 11:00\n"
        "não,Inés,ines@example.org,,\n",
        given=at_bogota(),
    )
    assert len(report.rows) == 1
    assert [each.name for each in report.set_aside] == ["Inés"]

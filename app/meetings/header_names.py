"""What the columns of reports are called, by meaning and language.

As the providers write them, and as people do who made a table themselves. They are compared with
case, accents, punctuation and blanks set aside; what stands in brackets behind one need not be
here: see `app.meetings.headers`.
"""

from app.meetings.values import Column

C = Column

COLUMNS: dict[str, dict[Column, str]] = {
    "en": {
        C.NAME: "Name|Full Name|User Name|Display Name|Participant|Participant Name|Attendee"
        "|Attendee Name|Name of participant|NameOriginalName",
        C.FIRST_NAME: "First Name|Given Name",
        C.LAST_NAME: "Last Name|Surname|Family Name",
        C.EMAIL: "Email|Mail|User Email|Email Address|Attendee Email|Invitee Email"
        "|Participant Email|Registrant Email",
        C.ACCOUNT: "Participant ID (UPN)|Participant ID|UPN|User Principal Name",
        C.JOINED: "Join Time|Joined|Time Joined|Joined At|Joining Time|Join Date|Join"
        "|Attendance Start Time|Entry Time",
        C.LEFT: "Leave Time|Left|Time Exited|Left At|Time Left|Leaving Time|Leave Date|Leave"
        "|Attendance End Time|Exit Time",
        C.FIRST_JOINED: "First Join|First Join Time|First Joined",
        C.LAST_LEFT: "Last Leave|Last Leave Time|Last Left",
        C.DURATION: "Duration|In-Meeting Duration|Total Duration|Time in Session|Time in Meeting"
        "|Attendance Duration|Attendance Time|Total Time|Meeting Duration|Total Time in Session",
        C.MINUTES: "Minutes|Duration Minutes|Minutes attended",
        C.SECONDS: "Seconds|Duration Seconds|Total Attendance in Seconds",
        C.ACTION: "User Action|Action|Activity",
        C.AT: "Timestamp|UtcEventTimestamp|Event Time|Date and Time",
        C.ROLE: "Role",
        C.ATTENDED: "Attended",
        C.GUEST: "Guest|Is Guest",
        C.WAITING: "In Waiting Room|Waiting Room",
        C.CONNECTION: "Session ID",
        C.REGISTERED: "Registration Time",
    },
    "es": {
        C.NAME: "Nombre|Nombre completo|Nombre de usuario|Nombre del usuario|Participante"
        "|Nombre del participante|Nombre para mostrar|Asistente|Nombre y apellido"
        "|Nombre y apellidos|Nombres y apellidos",
        C.FIRST_NAME: "Nombre de pila|Primer nombre|Nombres",
        C.LAST_NAME: "Apellido|Apellidos",
        C.EMAIL: "Correo electrónico|Correo|Correo electrónico del usuario|E-mail del usuario"
        "|Dirección de correo electrónico|Correo del usuario|Correo electrónico del participante"
        "|Dirección de correo",
        C.ACCOUNT: "Id. de participante (UPN)|ID de participante|Id. del participante (UPN)"
        "|ID del participante",
        C.JOINED: "Hora de entrada|Hora de unión|Hora de ingreso|Hora para unirse|Entrada|Ingreso"
        "|Hora de incorporación|Hora de conexión|Hora en que se unió|Hora a la que se unió"
        "|Fecha y hora de entrada|Fecha y hora de ingreso",
        C.LEFT: "Hora de salida|Hora para salir|Hora de abandono|Salida|Hora de desconexión"
        "|Hora en que salió|Hora a la que salió|Fecha y hora de salida",
        C.FIRST_JOINED: "Primera entrada|Primera unión|Primer ingreso|Primera incorporación"
        "|Primera conexión",
        C.LAST_LEFT: "Última salida|Último abandono|Última desconexión",
        C.DURATION: "Duración|Duración total|Duración de la reunión|Duración en la reunión"
        "|Tiempo en la sesión|Tiempo en sesión|Tiempo total|Tiempo en la reunión|Permanencia"
        "|Duración de la asistencia|Tiempo de asistencia",
        C.MINUTES: "Minutos",
        C.SECONDS: "Segundos",
        C.ACTION: "Acción del usuario|Acción|Actividad",
        C.AT: "Marca de tiempo|Marca temporal|Fecha y hora",
        C.ROLE: "Rol",
        C.ATTENDED: "Asistió",
        C.GUEST: "Invitado|Es invitado",
        C.WAITING: "En sala de espera|En la sala de espera|Sala de espera",
        C.CONNECTION: "ID de sesión|ID de la sesión",
        C.REGISTERED: "Hora de registro|Hora de inscripción|Fecha de inscripción|Fecha de registro",
    },
    "pt": {
        C.NAME: "Nome|Nome completo|Nome de usuário|Nome do usuário|Nome do participante"
        "|Nome de exibição|Participante|Nome de utilizador|Nome e sobrenome",
        C.FIRST_NAME: "Primeiro nome|Nome próprio",
        C.LAST_NAME: "Sobrenome|Último nome|Apelido",
        C.EMAIL: "E-mail|E-mail do usuário|Endereço de e-mail|E-mail do participante"
        "|Correio eletrônico|Correio eletrónico|E-mail do utilizador",
        C.ACCOUNT: "ID do participante (UPN)|ID do participante",
        C.JOINED: "Ingressar na hora|Hora de entrada|Horário de entrada|Hora de ingresso"
        "|Horário de ingresso|Hora da entrada|Hora do ingresso|Entrada|Ingresso|Hora de adesão"
        "|Data e hora de entrada",
        C.LEFT: "Hora de saída|Horário de saída|Hora da saída|Saída|Sair na hora"
        "|Data e hora de saída",
        C.FIRST_JOINED: "Primeiro ingresso|Primeira entrada|Primeira participação|Primeira adesão",
        C.LAST_LEFT: "Última saída",
        C.DURATION: "Duração|Duração total|Duração na reunião|Duração da reunião|Permanência"
        "|Tempo na sessão|Tempo em sessão|Tempo total|Tempo na reunião|Duração da participação",
        C.MINUTES: "Minutos",
        C.SECONDS: "Segundos",
        C.ACTION: "Ação do usuário|Ação do utilizador|Ação|Atividade",
        C.AT: "Data e hora|Carimbo de data/hora|Carimbo de hora|Registro de data e hora",
        C.ROLE: "Função|Papel",
        C.ATTENDED: "Compareceu|Participou|Presente",
        C.GUEST: "Convidado|É convidado",
        C.WAITING: "Na sala de espera|Em sala de espera|Sala de espera",
        C.CONNECTION: "ID da sessão",
        C.REGISTERED: "Hora da inscrição|Hora de inscrição|Data de inscrição|Horário da inscrição"
        "|Hora do registro",
    },
    "fr": {
        C.NAME: "Nom|Nom complet|Nom d'utilisateur|Nom de l'utilisateur|Nom du participant"
        "|Nom d'affichage|Nom affiché|Participant|Nom et prénom|Prénom et nom",
        C.FIRST_NAME: "Prénom",
        C.LAST_NAME: "Nom de famille",
        C.EMAIL: "E-mail|Adresse e-mail|Adresse électronique|Courriel|Adresse de messagerie"
        "|Adresse e-mail de l'utilisateur|E-mail de l'utilisateur|Adresse courriel"
        "|Adresse e-mail du participant",
        C.ACCOUNT: "ID du participant (UPN)|ID de participant (UPN)|ID du participant"
        "|Identifiant du participant",
        C.JOINED: "Heure d'arrivée|Heure de connexion|Heure d'entrée|Heure de participation"
        "|Heure d'accès|Heure de jonction|Arrivée|Entrée|Date et heure d'arrivée",
        C.LEFT: "Heure de départ|Heure de déconnexion|Heure de sortie|Départ|Sortie"
        "|Date et heure de départ",
        C.FIRST_JOINED: "Première participation|Première connexion|Première arrivée|Premier accès"
        "|Première entrée",
        C.LAST_LEFT: "Dernier départ|Dernière sortie|Dernière déconnexion",
        C.DURATION: "Durée|Durée totale|Durée de la réunion|Durée en réunion|Durée de présence"
        "|Temps dans la session|Temps en session|Temps passé en session|Durée de participation"
        "|Durée de la participation|Temps de présence|Durée pendant la réunion",
        C.MINUTES: "Minutes",
        C.SECONDS: "Secondes",
        C.ACTION: "Action de l'utilisateur|Action utilisateur|Action|Activité",
        C.AT: "Horodatage|Date et heure",
        C.ROLE: "Rôle",
        C.ATTENDED: "A participé|A assisté|Présent",
        C.GUEST: "Invité|Est invité|Est un invité",
        C.WAITING: "Salle d'attente|En salle d'attente|Dans la salle d'attente",
        C.CONNECTION: "ID de session|ID de la session",
        C.REGISTERED: "Heure d'inscription|Date d'inscription",
    },
    "de": {
        C.NAME: "Name|Vollständiger Name|Benutzername|Teilnehmername|Anzeigename"
        "|Name des Teilnehmers|Teilnehmer|Teilnehmende|Vor- und Nachname",
        C.FIRST_NAME: "Vorname",
        C.LAST_NAME: "Nachname|Familienname",
        C.EMAIL: "E-Mail|E-Mail-Adresse|Benutzer-E-Mail|E-Mail des Benutzers"
        "|E-Mail-Adresse des Benutzers|E-Mail-Adresse des Teilnehmers",
        C.ACCOUNT: "Teilnehmer-ID (UPN)|Teilnehmer-ID",
        C.JOINED: "Beitrittszeit|Beitrittszeitpunkt|Beigetreten|Beigetreten um|Beitritt"
        "|Zeitpunkt des Beitritts|Uhrzeit des Beitritts|Teilnahmebeginn|Beitritt um",
        C.LEFT: "Austrittszeit|Verlassenszeit|Verlassen|Verlassen um|Zeitpunkt des Verlassens"
        "|Uhrzeit des Verlassens|Austritt|Teilnahmeende|Austritt um",
        C.FIRST_JOINED: "Erster Beitritt|Erste Teilnahme",
        C.LAST_LEFT: "Letztes Verlassen|Letzter Austritt",
        C.DURATION: "Dauer|Gesamtdauer|Besprechungsdauer|Dauer der Besprechung|Sitzungsdauer"
        "|Dauer in der Besprechung|Dauer in Besprechung|Teilnahmedauer|Anwesenheitsdauer"
        "|Zeit in der Sitzung|Dauer der Teilnahme|Zeit in Sitzung",
        C.MINUTES: "Minuten",
        C.SECONDS: "Sekunden",
        C.ACTION: "Benutzeraktion|Aktion|Aktivität",
        C.AT: "Zeitstempel|Datum und Uhrzeit",
        C.ROLE: "Rolle",
        C.ATTENDED: "Teilgenommen|Anwesend",
        C.GUEST: "Gast|Ist Gast",
        C.WAITING: "Im Warteraum|Warteraum|Im Wartezimmer|In der Wartehalle",
        C.CONNECTION: "Sitzungs-ID",
        C.REGISTERED: "Registrierungszeit|Registrierungszeitpunkt|Anmeldezeit|Anmeldezeitpunkt",
    },
}

TOPICS = (
    "Topic|Meeting Title|Meeting Name|Event Name|Webinar Name|Title"
    "|Tema|Título de la reunión|Nombre de la reunión|Tópico|Título da reunião|Nome da reunião"
    "|Sujet|Rubrique|Objet|Titre de la réunion|Nom de la réunion"
    "|Thema|Besprechungstitel|Titel der Besprechung|Besprechungsname"
)
"""What stands above, or before, the name of the meeting."""

ZONES = (
    "Time Zone|Timezone|Zona horaria|Huso horario|Fuso horário|Fuseau horaire|Zeitzone"
    "|Meeting Time Zone|Session Time Zone"
)
"""What stands above, or before, the zone of the times."""

ORIGINAL_NAME = (
    "original name|nombre original|nome original|nom original|nom d'origine"
    "|ursprünglicher Name|Originalname"
)
"""What Zoom puts in brackets behind the header of names: a cell may hold two."""

MINUTE_UNITS = "minutes|minute|mins|min|minutos|minuto|minuten"
SECOND_UNITS = "seconds|secs|sec|s|segundos|secondes|sekunden"

SIGNS: dict[str, str] = {
    "zoom": "Time in Session|Total Time in Session|In Waiting Room|Recording disclaimer response"
    "|User Name|Is Guest|Country/Region Name|User Email|E-mail del usuario|E-mail do usuário"
    "|Adresse e-mail de l'utilisateur|Hora para unirse|Hora para salir|Ingressar na hora"
    "|En sala de espera|Na sala de espera|Tiempo en la sesión|Tempo na sessão",
    "teams": "Participant ID (UPN)|User Action|UtcEventTimestamp|First Join|Last Leave"
    "|In-Meeting Duration|Acción del usuario|Id. de participante (UPN)|Primera entrada"
    "|ID do participante (UPN)|Primeiro ingresso|ID du participant (UPN)"
    "|Action de l'utilisateur|Première participation|Teilnehmer-ID (UPN)|Benutzeraktion"
    "|Erster Beitritt|Ação do usuário",
    "meet": "Time Joined|Time Exited",
    "webex": "Attendance Duration|Connection Type|Attendee Email|Invitee Email|Event Name"
    "|Event Start Time|Attendance Start Time|Meeting Start Time",
}
"""Headers that are one provider's rather than anybody's."""
